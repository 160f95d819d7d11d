import type { RunReport } from '@deployer/shared/job'
import type { Course } from '../converge/converge.ts'
import type { Tools } from '../converge/tools.ts'
import { provingSeconds } from '../converge/patience.ts'
import type { Entry } from '../journal/journal-file.ts'
import type { Journal } from '../journal/journal.ts'
import type { Container } from '../ports.ts'
import { listChanges, listWanted } from '../release/changes.ts'
import { compare, isRunning } from '../release/compare.ts'
import { rejectedAfter } from '../release/rejected.ts'
import { isSameDefinition, type Release } from '../release/release.ts'
import { rollback } from '../steps/rollback.ts'
import { describeEnd, isOk } from '../steps/step.ts'
import { up } from '../steps/up.ts'
import { verify } from '../steps/verify.ts'
import { renewHashes } from './hashes.ts'
import type { Outcome } from './outcome.ts'
import type { RunReporter } from './report-run.ts'
import { withVersions } from './with-versions.ts'

/** The start after which it is not tried again to reach the target, and the one after which nothing is tried. */
const STARTS_TO_TARGET = 3
const MOST_STARTS = 5
/** Milliseconds in which an engine that is there answers. */
const ANSWER = 2000

/**
 * Ends what is open in a stack's journal: in the target or in the release before. Needs neither Redis, nor the registry, nor the stack's files,
 * and can be begun again at any point by another process.
 *
 * @returns The report of the job. Where the engine stays away, the entry stays open although its job has ended.
 */
export async function finish(tools: Tools, reporter: RunReporter, journal: Journal): Promise<RunReport> {
  const { open } = journal.file
  if (!open) throw new Error('nothing is open in this journal')
  return carryOut(tools, reporter, journal, journal.update({ starts: open.starts + 1 }))
}

/** The same for who has just begun it. @param entry What is open, with this start counted. */
export async function carryOut(tools: Tools, reporter: RunReporter, journal: Journal, entry: Entry): Promise<RunReport> {
  const keptTarget = journal.release(entry.target)
  const keptBefore = journal.release(entry.before)
  if (!keptTarget || !keptBefore) return close(tools, reporter, journal, entry.before, false, lostReleases())
  tools.hide(keptTarget.definition)
  // The stack's files may have other values by now.
  tools.hide(keptBefore.definition)
  if (entry.starts > MOST_STARTS) return close(tools, reporter, journal, keptBefore.number, false, gaveUp())
  const target = await renewHashes(tools, journal, keptTarget)
  const before = await renewHashes(tools, journal, keptBefore)

  if (entry.heading === 'target' && entry.starts > STARTS_TO_TARGET && tools.limits.rollback) {
    entry = journal.update({ heading: 'before', fault: `The worker died ${STARTS_TO_TARGET} times while it ran this job` })
  }
  if (entry.heading === 'target') {
    const reached = await reachTarget(tools, courseOf('target', target, before, entry), entry)
    if (reached.fault === null) {
      const now = reached.seen ?? (await look(tools, target))
      const changes = await withVersions(tools, listChanges(before, target, entry.plan, now, 'target'))
      const outcome: Outcome = {
        state: 'succeeded',
        code: null,
        message: null,
        changes,
        release: target.number,
        degraded: reached.degraded,
      }
      return close(tools, reporter, journal, target.number, true, outcome)
    }
    if (reached.at === 'up' && (await answers(tools)) && (await isUntouched(tools, entry, before, target))) {
      const message = `${reached.fault}. Nothing had been changed.`
      const outcome: Outcome = { state: 'failed', code: 'step_failed', message, release: before.number, degraded: reached.degraded }
      return close(tools, reporter, journal, before.number, !entry.proveAll, outcome)
    }
    if (!tools.limits.rollback) {
      const message = `${reached.fault}. Not rolled back, because ROLLBACK is off.`
      const changes = await withVersions(tools, listChanges(before, target, entry.plan, await look(tools, target), 'target'))
      return close(tools, reporter, journal, target.number, false, { state: 'failed', code: 'step_failed', message, changes })
    }
    entry = journal.update({ heading: 'before', fault: reached.fault })
  }
  return goBack(tools, reporter, journal, entry, target, before)
}

/** `up` and `verify`. @returns What was wrong and where, `null` when the target runs; and what `verify` has seen to run. */
async function reachTarget(
  tools: Tools,
  course: Course,
  entry: Entry,
): Promise<{ fault: string | null; at: 'up' | 'verify'; degraded: string[]; seen: Container[] | null }> {
  const { steps, limits } = tools
  const started = await steps.run('up', limits.upTimeout, (context) => up(tools, course, context))
  if (!isOk(started)) return { fault: `up failed: ${describeEnd(started)}`, at: 'up', degraded: [], seen: null }
  if (limits.healthTimeout === 0) return { fault: null, at: 'verify', degraded: [], seen: null }
  let degraded: string[] = []
  let seen: Container[] | null = null
  const seconds = provingSeconds(course.release, Object.keys(course.release.services), limits)
  const end = await steps.run('verify', seconds, async (context) => {
    const verified = await verify(tools, course, touchedSince(entry), context)
    degraded = verified.degraded
    seen = verified.seen
    return verified
  })
  return { fault: isOk(end) ? null : `verify failed: ${describeEnd(end)}`, at: 'verify', degraded, seen }
}

async function goBack(
  tools: Tools,
  reporter: RunReporter,
  journal: Journal,
  entry: Entry,
  target: Release,
  before: Release,
): Promise<RunReport> {
  const { steps, limits } = tools
  const seconds = limits.upTimeout + provingSeconds(before, Object.keys(before.services), limits)
  const course = courseOf('before', before, target, entry)
  const end = await steps.run('rollback', seconds, (context) => rollback(tools, course, touchedSince(entry), context))
  const fault = `${entry.fault ?? 'The deploy failed'}${notPulledAgain(before, target)}`
  if (isOk(end) && before.lost.length === 0) {
    const message = `${fault}. Rolled back: release ${before.number} runs again.`
    const taken_back = await withVersions(tools, listWanted(before, target, entry.plan))
    const outcome: Outcome = { state: 'failed', code: 'step_failed', message, rolled_back: true, taken_back, release: before.number }
    return close(tools, reporter, journal, before.number, true, outcome)
  }
  if (!(await answers(tools))) return leaveOpen(reporter, journal, fault)
  const now = await look(tools, before)
  const changes = await withVersions(tools, listChanges(before, target, entry.plan, now, 'before'))
  const message = isOk(end)
    ? `${fault}. The former images run again, but not all that ran before is known: of ${before.lost.join(', ')} nobody has the definition that it ran with. Look at the compose file.`
    : `${fault}. THE ROLLBACK FAILED TOO (${describeEnd(end)}): the stack needs you. ${describeDown(before, target, now)}`.trimEnd()
  const back = listWanted(before, target, entry.plan).filter(({ service }) => changes.every((change) => change.service !== service))
  const taken_back = await withVersions(tools, back)
  return close(tools, reporter, journal, before.number, false, { state: 'failed', code: 'rollback_failed', message, changes, taken_back })
}

/** Whether the engine is there now. */
function answers({ engine, clock }: Tools): Promise<boolean> {
  return engine.ping(clock.timeout(ANSWER)).then(
    () => true,
    () => false,
  )
}

/** Ends a job whose engine stays away; what it has begun stays open, and is ended when the engine is back. */
function leaveOpen(reporter: RunReporter, journal: Journal, fault: string): RunReport {
  const message = `${fault}. THE ROLLBACK COULD NOT BE MADE: the Docker Engine does not answer. It is made as soon as the engine is back.`
  const report = reporter.end({ state: 'failed', code: 'rollback_failed', message })
  journal.tellUnfinished(report)
  return report
}

/** New images that compose will not pull again as long as they are here, so that mending them in the registry is not enough. */
function notPulledAgain(before: Release, target: Release): string {
  const names = Object.entries(target.services).flatMap(([service, { image, imageId }]) => {
    const policy = target.definition.services[service]?.pull_policy
    const stays = policy === 'missing' || policy === 'if_not_present'
    return stays && before.services[service]?.imageId !== imageId && !image.includes('@') ? [image] : []
  })
  if (names.length === 0) return ''
  const list = [...new Set(names)].join(' ')
  return `. With pull_policy: missing, ${list} is not pulled again while it is here: once it is mended in the registry, docker rmi ${list}`
}

/**
 * How a stack is led to one of the two releases. A target that came from the stack's files is run from them as long as they are the same, and so
 * is a release before that differs in its images alone.
 */
function courseOf(heading: Course['heading'], release: Release, other: Release, { fingerprint, job, plan }: Entry): Course {
  const files = (heading === 'target' && job.action !== 'rollback') || isSameDefinition(release.definition, other.definition)
  // What an unproven release has left running is in neither of the two.
  const planned = heading === 'target' ? Object.keys(plan) : []
  return { release: { ...release, fingerprint }, heading, replaces: [...Object.keys(other.services), ...other.lost, ...planned], files }
}

function describeDown(before: Release, target: Release, now: Container[]): string {
  const ours = now.filter(({ service }) => service in before.services || service in target.services)
  const down = Object.entries(compare(before, ours)).filter(([, { action }]) => action !== 'keep')
  const names = [...new Set([...down.map(([service]) => service), ...before.lost])]
  return names.length === 0 ? '' : `Not as before: ${names.join(', ')}.`
}

/** Whether there are the same containers as before, all of them, and what ran runs. */
async function isUntouched(tools: Tools, { containers, plan }: Entry, before: Release, target: Release): Promise<boolean> {
  const former = Object.values(plan).flatMap((service) => service.containers.map(({ id }) => id))
  const now = (await look(tools, before)).filter(
    ({ service }) => service in before.services || service in target.services || service in plan,
  )
  const running = now.filter(isRunning).map(({ id }) => id)
  return now.length === former.length && now.every(({ id }) => former.includes(id)) && containers.every((id) => running.includes(id))
}

function touchedSince({ containers, broken, proveAll, starts }: Entry) {
  return { containers, broken, proveAll: proveAll || starts > 1 }
}

/** What runs, for telling: an engine that has gone in the meantime is not waited for long. */
async function look({ engine, clock, limits }: Tools, { project }: Release): Promise<Container[]> {
  return engine.listContainers(clock.timeout(limits.statusTimeout * 1000), project)
}

function close(tools: Tools, reporter: RunReporter, journal: Journal, current: number, proven: boolean, outcome: Outcome): RunReport {
  const report = reporter.end(outcome)
  const { open, rejected } = journal.file
  const releases = open && { target: journal.release(open.target), before: journal.release(open.before) }
  const left = open && releases ? rejectedAfter(rejected, open.job, report, releases.target, releases.before) : rejected
  journal.close(report, current, proven, tools.limits.keepReleases, left)
  return report
}

function gaveUp(): Outcome {
  const message = `The worker died ${MOST_STARTS} times while it ran this job, so it is not tried again: the stack needs you. See the worker's log and the kernel's (out of memory?).`
  return { state: 'failed', code: 'rollback_failed', message }
}

function lostReleases(): Outcome {
  const message = 'What this job was to run is no longer on the disk of its host, so it cannot be ended: the stack needs you.'
  return { state: 'failed', code: 'rollback_failed', message }
}
