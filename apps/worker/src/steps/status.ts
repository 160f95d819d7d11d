import { findBroken } from '../converge/find-broken.ts'
import type { Container, Engine, StackPaths } from '../ports.ts'
import { isRunning } from '../release/compare.ts'
import { isOwn } from '../stacks/own-containers.ts'
import type { StepContext, StepEnd } from './step.ts'

/** What the engine shows before anything is changed. */
export interface Observed {
  /** Every container of every compose project of the host. */
  all: Container[]
  /** Those that were started from the stack's folder. */
  own: Container[]
  /** Those of them that are broken already. */
  broken: Container[]
}

/** Looks at what runs. The names of the running services are the step's tail. */
export async function status(engine: Engine, paths: StackPaths, context: StepContext): Promise<StepEnd & { observed: Observed }> {
  const all = await engine.listContainers(context.signal)
  const own = all.filter((container) => isOwn(container, paths))
  for (const service of runningServices(own)) context.log(service)
  return { how: 'exited', code: 0, observed: { all, own, broken: await findBroken(engine, own, context.signal) } }
}

/** The names of the running services, each once, sorted. */
export function runningServices(containers: Container[]): string[] {
  return [...new Set(containers.filter(isRunning).map(({ service }) => service))].sort()
}
