import type { RunReport } from '@deployer/shared/job'
import { FOLDER, PASSWORD, type HostState } from './host.ts'
import { hashOf } from './model-compose.ts'
import { PROGRAMS, type ModelContainer } from './model-engine.ts'
import { Trouble, type Run, type Scenario } from './simulate.ts'
import { journalOf } from './start-job.ts'
import type { Fault } from './fate.ts'

/** What runs of a stack, one line for each container, without what differs between two of the same. */
export function shape(containers: ModelContainer[]): string {
  return containers
    .filter(({ workingDir }) => workingDir === FOLDER)
    .map(({ name, imageId, configHash, state }) => `${name} ${imageId.slice(7, 19)} ${configHash.slice(0, 12)} ${state}`)
    .sort()
    .join('\n')
}

/** What would run if all were as the files and the registry say. */
function wanted({ sources, engine }: HostState): string {
  const { name, services } = sources.definition
  return Object.entries(services)
    .flatMap(([service, own]) => {
      const [reference = '', digest] = own.image.split('@')
      const found =
        digest === undefined ? sources.registry[reference] : Object.values(sources.registry).find((one) => one.digest === digest)
      const id = found?.id ?? engine.names[reference] ?? ''
      const program = PROGRAMS[own.command?.[0] ?? found?.program ?? ''] ?? {}
      const state = program.ends ? 'exited' : 'running'
      return Array.from(
        { length: own.scale ?? 1 },
        (_, index) => `${name}-${service}-${index + 1} ${id.slice(7, 19)} ${hashOf(own).slice(0, 12)} ${state}`,
      )
    })
    .sort()
    .join('\n')
}

const exactly = (containers: ModelContainer[]) =>
  containers
    .map(
      ({ id, name, startedAt, state }) =>
        `${name} ${id} ${state === 'restarting' ? 'running' : state} ${state === 'running' ? startedAt : ''}`,
    )
    .sort()
    .join('\n')

/** What has to be so at the end of every run. @throws {Trouble} */
export function check(scenario: Scenario, { host, job, first }: Run, faults: Fault[]): void {
  const must = (isSo: boolean, what: string) => {
    if (!isSo) throw new Trouble(host, what)
  }
  const now = host.engine.state.containers
  const ours = (containers: ModelContainer[]) => containers.filter(({ workingDir }) => workingDir === FOLDER)
  const others = (containers: ModelContainer[]) => containers.filter(({ workingDir }) => workingDir !== FOLDER)
  const restarted = faults.includes('engine restarts')
  const { file, journal } = journalOf(host)

  must(file.open === null, 'something is open in the journal')
  must(file.untold.length === 0, 'the journal has something to tell')
  const isSame = (one: ModelContainer[], two: ModelContainer[]) =>
    restarted ? shapeOfIds(one) === shapeOfIds(two) : exactly(one) === exactly(two)
  must(isSame(others(now), others(first.engine.containers)), 'another stack was touched')
  must(host.engine.killed.length === 0, `removed while it ran, without a stop: ${host.engine.killed.join(', ')}`)
  must(host.unprotected.length === 0, `begun before the images of what ran were protected: ${host.unprotected.join(', ')}`)
  const kept = journal.releases().flatMap(({ release }) => Object.values(release.services).map(({ imageId }) => imageId))
  const lost = kept.filter((id) => id in first.engine.images && !(id in host.engine.state.images))
  must(lost.length === 0, `images of kept releases have gone: ${lost.join(', ')}`)
  must(!JSON.stringify(job.report).includes(PASSWORD), `a secret is in the report: ${describe(job.report)}`)
  must(
    now.every(({ name }) => !/^[0-9a-f]{12}_/.test(name)),
    'a container has an unfinished name',
  )
  if (!host.hasBegun) must(isSame(ours(now), ours(first.engine.containers)), 'nothing has begun, and something was changed')

  const target = scenario.target ?? wanted(first)
  const before = shape(first.engine.containers)
  const runs = shape(now)
  const story = `${describe(job.report)}\nruns:\n${runs}\nbefore:\n${before}\ntarget:\n${target}`
  must(runs === before || runs === target, `neither release runs whole: ${story}`)
  if (job.report === null) {
    must(faults.includes('redis empty') && (!host.hasBegun || scenario.next === 'another job'), `the job has no report: ${story}`)
    return
  }
  const { report } = job
  must(report.finished_at !== null, `the job has not ended: ${story}`)
  must(report.code !== 'rollback_failed', `the way back failed: ${story}`)
  if (report.state === 'succeeded') {
    must(runs === target, `success, and the target does not run: ${story}`)
    must(report.release === file.current, `the report names release ${report.release}, and ${file.current} runs: ${story}`)
    must(report.code === null && !report.rolled_back, `a success that is none: ${story}`)
    const release = report.release === null ? null : journal.release(report.release)
    const unlike = Object.entries(release?.services ?? {}).find(([service, { imageId, hashes }]) =>
      ours(now).some((one) => one.service === service && (one.imageId !== imageId || !hashes?.includes(one.configHash))),
    )
    must(release !== null && !unlike, `the release that is named does not run (${unlike?.[0]}): ${story}`)
  } else {
    const isKnown = report.state === 'canceled' ? !host.hasBegun : report.code === 'step_failed'
    must(isKnown, `another end than those that there are: ${story}`)
    // What the other job had begun was finished before this one failed by itself.
    const other = scenario.next === 'another job' && runs === target
    must(runs === before || other, `failure, and what was before does not run: ${story}`)
    if (report.rolled_back)
      must(report.release === file.current, `the report names release ${report.release}, and ${file.current} runs: ${story}`)
    else must(other || isSame(ours(now), ours(first.engine.containers)), `something was changed, and the report does not say so: ${story}`)
  }
  const isHarmless = faults.every((fault) => !fault.startsWith('redis'))
  if (isHarmless || (host.hasBegun && scenario.next !== 'another job')) {
    if (scenario.ends === 'target') must(report.state === 'succeeded', `a good version did not come to run: ${story}`)
    else must(report.state !== 'succeeded', `a bad version came to run: ${story}`)
    if (scenario.only && report.rolled_back)
      must(file.rejected['web']?.includes(scenario.only['web'] ?? '') === true, `a digest that was rolled back is not rejected: ${story}`)
    if (scenario.ends === 'before') must(report.rolled_back, `it was rolled back, and the report does not say so: ${story}`)
  }
  checkUntouched(first, now, target, restarted, must, story)
  checkVolumes(first, now, must, story)
}

function describe(report: RunReport | null): string {
  if (report === null) return 'no report'
  const { state, code, message, rolled_back, release, steps } = report
  return JSON.stringify(
    { state, code, message, rolled_back, release, steps: steps.map(({ name, ok, tail }) => `${name} ${ok} ${tail}`) },
    null,
    1,
  )
}

const shapeOfIds = (containers: ModelContainer[]) =>
  containers
    .map(({ id, name }) => `${name} ${id}`)
    .sort()
    .join('\n')

type Must = (isSo: boolean, what: string) => void

/** What is the same before and in the target is the same container, and was not started again. */
function checkUntouched(first: HostState, now: ModelContainer[], target: string, restarted: boolean, must: Must, story: string): void {
  for (const old of first.engine.containers.filter(({ workingDir, state }) => workingDir === FOLDER && state === 'running')) {
    const line = shape([old])
    if (!target.split('\n').includes(line)) continue
    const { definition, remakesDependents } = first.sources
    if (remakesDependents && definition.services[old.service]?.depends_on) continue
    const same = now.find(({ id }) => id === old.id)
    must(same !== undefined, `${old.name} was made anew for nothing: ${story}`)
    must(restarted || same?.startedAt === old.startedAt, `${old.name} was started again for nothing: ${story}`)
  }
}

/** A service that was never dropped has its anonymous volumes still. */
function checkVolumes(first: HostState, now: ModelContainer[], must: Must, story: string): void {
  for (const { service, name, volumes } of first.engine.containers.filter(({ workingDir }) => workingDir === FOLDER)) {
    if (!(service in first.sources.definition.services)) continue
    const kept = now.find((one) => one.name === name)
    must(kept === undefined || JSON.stringify(kept.volumes) === JSON.stringify(volumes), `${name} has lost its anonymous volume: ${story}`)
  }
}
