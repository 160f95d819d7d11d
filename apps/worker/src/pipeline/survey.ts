import type { StepName } from '@deployer/shared/job'
import { fromFiles } from '../converge/compose-args.ts'
import type { Tools } from '../converge/tools.ts'
import type { Journal } from '../journal/journal.ts'
import type { Container } from '../ports.ts'
import { Refusal } from '../refusal.ts'
import { isRunning } from '../release/compare.ts'
import type { ComposeModel } from '../release/release.ts'
import { findProjectFiles, namedProject, type ProjectFiles } from '../stacks/project-files.ts'
import { config, type Resolved } from '../steps/config.ts'
import { ownProject, refuseForeignContainers } from '../steps/refuse.ts'
import { runningServices, status, type Observed } from '../steps/status.ts'
import { isOk } from '../steps/step.ts'
import type { DeployRequest } from './deploy.ts'

/** What the reading steps have found out. */
export interface Survey {
  project: string
  /** The project's containers, without those of services that are switched off by a profile. */
  own: Container[]
  /** Those of them that were broken before anything was done. */
  broken: Container[]
  files: ProjectFiles
  /** `null` for a rollback, which needs no files. */
  resolved: Resolved | null
}

/**
 * Status and config, which only read, and what has to be refused by then.
 *
 * @throws {Refusal} when a deploy would do damage.
 */
export async function survey(tools: Tools, journal: Journal, { job }: DeployRequest): Promise<Survey | { failed: StepName }> {
  const { engine, limits, paths, steps } = tools
  const current = journal.current()
  let observed: Observed = { all: [], own: [], broken: [] }
  const seen = await steps.run('status', limits.statusTimeout, async (context) => {
    const end = await status(engine, paths, context)
    observed = end.observed
    return end
  })
  if (!isOk(seen)) return { failed: 'status' }
  let project = ownProject(paths, observed.own) ?? (journal.file.unproven ? (current?.project ?? null) : null)
  if (project !== null) refuseNotRunning(tools, journal, observed.own)
  const files = findProjectFiles(
    paths,
    observed.own.filter((container) => container.project === project),
    current && current.project === project ? current : null,
  )
  if (job.action === 'rollback' && project !== null) {
    const own = observed.own.filter((container) => container.project === project)
    const off = current ? await switchedOff(tools, current.definition, files, own) : new Set()
    return { project, ...only(observed, (one) => one.project === project && !off.has(one.service)), files, resolved: null }
  }
  let resolved: Resolved | null = null
  let off = new Set<string>()
  const read = await steps.run('config', limits.configTimeout, async (context) => {
    if (files.files.length > 0) context.log(`the files that the stack was started from: ${[...files.files, ...files.envFiles].join(', ')}`)
    const named = project === null ? null : namedProject(paths, files)
    if (named !== null && named !== project) {
      context.log(`the file calls the project "${named}"; what runs is called "${project}", and stays so until it is started anew by hand`)
    }
    const end = await config(tools, project, files, context)
    resolved = end.resolved
    if (!resolved) return end
    const { definition } = resolved
    tools.hide(definition)
    const own = observed.own.filter((container) => container.project === definition.name)
    off = await switchedOff(tools, definition, files, own)
    for (const service of runningServices(own).filter((one) => off.has(one))) {
      context.log(`${service} runs, but its profile is not switched on here, so it is left alone: COMPOSE_PROFILES in .env switches it on`)
    }
    return end
  })
  const valid = resolved as Resolved | null
  if (!isOk(read) || !valid) return { failed: 'config' }
  project = valid.definition.name
  refuseForeignContainers(paths, project, observed.all)
  refuseNotRunning(tools, journal, observed.own)
  return { project, ...only(observed, (one) => one.project === project && !off.has(one.service)), files, resolved: valid }
}

function only({ own, broken }: Observed, isOurs: (container: Container) => boolean): Pick<Survey, 'own' | 'broken'> {
  return { own: own.filter(isOurs), broken: broken.filter(isOurs) }
}

/** @throws {Refusal} `not_running`, unless an earlier job has left the stack so. */
function refuseNotRunning({ paths }: Tools, journal: Journal, own: Container[]): void {
  if (own.some(isRunning) || journal.file.unproven) return
  throw new Refusal(
    'not_running',
    `No service of "${paths.name}" is running, so nothing was changed. Start it once by hand: cd ${paths.workingDir} && docker compose up -d`,
  )
}

/** Services that the files have but a profile switches off: what runs of them is left alone, as compose does. */
export async function switchedOff(tools: Tools, definition: ComposeModel, files: ProjectFiles, own: Container[]): Promise<Set<string>> {
  if (own.every(({ service }) => service in definition.services)) return new Set()
  const { args } = fromFiles({ project: definition.name, ...files })
  const { stdout } = await tools.compose.run(tools.paths, [...args, '--profile', '*', 'config', '--services'], {
    signal: tools.clock.timeout(tools.limits.configTimeout * 1000),
    onLine: () => undefined,
    keepStdout: true,
    lockFd: tools.lockFd,
  })
  return new Set(stdout.split('\n').filter((service) => service && !(service in definition.services)))
}
