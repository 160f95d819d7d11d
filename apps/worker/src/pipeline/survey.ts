import type { Container } from '../ports.ts'
import { defaultProjectName, readDotEnv } from '../stacks/project-name.ts'
import { stackSecrets } from '../stacks/stack-secrets.ts'
import { config, type ComposeProject } from '../steps/config.ts'
import { refuseForeignContainers } from '../steps/refuse.ts'
import { isRunning, runningServices } from '../steps/status.ts'
import type { DeployInput } from './deploy.ts'
import { failedAt, type DeployOutcome } from './outcome.ts'

/** What the reading steps have found out. */
export interface Survey {
  project: ComposeProject
  /** Every container of the project, before anything is changed. */
  containers: Container[]
}

/**
 * Status and config. Both only read, so they run side by side; they are judged and reported one after the other.
 *
 * @throws {Refusal} when a deploy would do damage.
 */
export async function survey(input: DeployInput): Promise<Survey | DeployOutcome> {
  const { paths, engine, compose, limits, steps, lockFd } = input
  const dotEnv = readDotEnv(paths.dir)
  input.hide(stackSecrets(paths.name, dotEnv, null))
  let listed: Container[] = []
  let project: ComposeProject | null = null
  const status = steps.begin('status', limits.statusTimeout, async (context) => {
    listed = await engine.listContainers(context.signal)
    return { ok: true, exitCode: 0 }
  })
  const reading = steps.begin('config', limits.configTimeout, async (context) => {
    const end = await config(compose, paths, lockFd, context)
    project = end.project
    return end
  })
  await Promise.all([status.ended, reading.ended])
  const resolved = project as ComposeProject | null
  if (resolved) input.hide(stackSecrets(paths.name, dotEnv, resolved.model))
  const name = resolved?.name ?? defaultProjectName(paths.name, dotEnv)
  const containers = listed.filter((container) => container.project === name)
  for (const service of runningServices(containers)) status.log(service)
  if (!(await steps.finish(status)).ok) return failedAt('status')
  // A job that was cut off in `up` may have left nothing running; it is run again to mend that.
  if (input.former === null && !containers.some(isRunning)) {
    const message = `No service of "${paths.name}" is running, so nothing was changed. Start it once by hand: cd ${paths.workingDir} && docker compose up -d`
    return { ...failedAt('status'), code: 'not_running', message }
  }
  refuseForeignContainers(paths, name, containers)
  if (!(await steps.finish(reading)).ok || !resolved) return failedAt('config')
  return { project: resolved, containers }
}
