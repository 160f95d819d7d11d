import { converge, observe, type Course } from '../converge/converge.ts'
import { prove } from '../converge/prove.ts'
import type { Tools } from '../converge/tools.ts'
import type { Container } from '../ports.ts'
import { compare, holds, isBroken } from '../release/compare.ts'
import type { Release } from '../release/release.ts'
import type { StepContext, StepEnd } from './step.ts'

/** What was there before, for telling what is new. */
export interface Touched {
  /** The containers that ran before. */
  containers: string[]
  /** Services that were broken before. */
  broken: string[]
  proveAll: boolean
}

/** @returns Also which services are broken that were so before, and that the job did not touch. */
export async function verify(
  tools: Tools,
  course: Course,
  touched: Touched,
  context: StepContext,
): Promise<StepEnd & { degraded: string[] }> {
  const { release } = course
  for (;;) {
    const outages = tools.engine.outages()
    const containers = await observe(tools, course, context.signal)
    const unmet = Object.entries(compare(release, containers)).find(([, service]) => !holds(service))
    if (unmet)
      return {
        how: 'disproved',
        says: `wrong image: ${unmet[0]} is not what it has to be (${unmet[1].why ?? unmet[1].action})`,
        degraded: [],
      }
    const ours = containers.filter(({ service }) => release.services[service]?.stopped === false)
    const fresh = new Set(ours.filter(({ id }) => !touched.containers.includes(id)).map(({ id }) => id))
    const proven = await prove(tools, release, touched.proveAll ? ours : ours.filter(({ id }) => fresh.has(id)), fresh, context)
    // What an engine that restarts does to containers says nothing of them.
    const isInDoubt = proven.how === 'disproved' && tools.engine.outages() !== outages
    const end: StepEnd = isInDoubt ? { how: 'engine_away', cause: proven.says } : proven
    if (end.how === 'engine_away') {
      context.log(`the Docker Engine went away (${end.cause}); waiting for it`)
      await tools.engine.ping(context.signal)
      const mended = await converge(tools, course, context)
      if (mended.how === 'proved' || (mended.how === 'exited' && mended.code === 0)) continue
      return { ...mended, degraded: [] }
    }
    if (end.how !== 'proved') return { ...end, degraded: [] }
    return { ...(await judgeUntouched(tools, release, fresh, touched, context)) }
  }
}

/** What the job did not touch may be as broken as it was, and no worse. */
async function judgeUntouched(
  tools: Tools,
  release: Release,
  fresh: ReadonlySet<string>,
  touched: Touched,
  context: StepContext,
): Promise<StepEnd & { degraded: string[] }> {
  const now: Container[] = await tools.engine.listContainers(context.signal, release.project)
  const broken = new Set(
    now.filter((one) => one.service in release.services && !fresh.has(one.id) && isBroken(one)).map(({ service }) => service),
  )
  const degraded = [...broken].filter((service) => touched.broken.includes(service)).sort()
  const worse = [...broken].find((service) => !touched.broken.includes(service) && release.services[service]?.stopped === false)
  for (const service of degraded) context.log(`${service} was broken before, and is still`)
  if (worse !== undefined) return { how: 'disproved', says: `${worse}, which was not changed, is broken now`, degraded }
  return { how: 'exited', code: 0, degraded }
}
