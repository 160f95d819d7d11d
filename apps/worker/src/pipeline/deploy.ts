import type { RunReport } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import type { Tools } from '../converge/tools.ts'
import type { Entry } from '../journal/journal-file.ts'
import type { Journal } from '../journal/journal.ts'
import { Refusal } from '../refusal.ts'
import { describePlan } from '../release/changes.ts'
import { compare, isRunning, type Plan } from '../release/compare.ts'
import { withDependents } from '../release/dependents.ts'
import type { Release } from '../release/release.ts'
import { carryOut } from './finish.ts'
import { findTarget } from './find-target.ts'
import { asMadeNow } from './hashes.ts'
import type { RunReporter } from './report-run.ts'
import { survey, type Survey } from './survey.ts'
import type { Draft } from './what-runs.ts'
import { deployedMeanwhile, failedAt } from './outcome.ts'
import { withoutOvertaken } from './without-overtaken.ts'

/** A job of a stack, and what the pipeline has to know of the world around it. */
export interface DeployRequest {
  jobId: string
  job: JobData
  /** Digests that callers expect, by service. */
  expect: Record<string, string>
  inContainer: boolean
  /** Passes the point after which the job cannot be canceled. @throws When it may not go on. */
  enterApplying: () => Promise<void>
  /** Protects the images of all kept releases from pruning. */
  protect: () => Promise<void>
  /** The worker's own container: a stack that has it cannot be updated from here. */
  self: Self | null
}

/** A worker that runs in a container. */
export interface Self {
  container: string
  /** Whether DATA_DIR outlives the container. */
  keepsData: boolean
}

/**
 * Runs a job under its stack's lock: status, config, pull; what is wanted is fixed and kept, and from then on the job ends in that or in what ran
 * before.
 *
 * @throws {Refusal} before anything is changed, and the job's abort reason when it has to stop.
 */
export async function deploy(tools: Tools, reporter: RunReporter, journal: Journal, asked: DeployRequest): Promise<RunReport> {
  const surveyed = await survey(tools, journal, asked)
  if ('failed' in surveyed) return reporter.end(failedAt(surveyed.failed))
  const signal = tools.clock.timeout(tools.limits.statusTimeout * 1000)
  const job = await withoutOvertaken(tools.engine, asked.job, surveyed.own, signal)
  if (!job) return reporter.end(deployedMeanwhile())
  const request = { ...asked, job }
  const { self } = request
  const found = await findTarget(tools, journal, request, surveyed)
  if ('failed' in found) return reporter.end(failedAt(found.failed))
  const { before, target } = found
  const { own } = surveyed
  const plan = withDependents(compare({ ...asMadeNow(target), number: 0 }, own), target.definition, tools.compose.version)
  const isSelf = self !== null && own.some(({ id }) => id === self.container)
  const refusal = isSelf && !self.keepsData ? noDataVolume() : null
  if (job.action === 'plan') {
    const told = describePlan({ ...before, number: 0 }, { ...target, number: 0 }, plan)
    const planned = { plan: told, refusal: refusal?.told() ?? null, release: journal.file.current }
    return reporter.end({ state: 'succeeded', code: null, message: null, ...planned })
  }
  if (refusal) throw refusal
  await request.enterApplying()
  reporter.detach()
  const entry = await begin(tools, reporter, journal, request, surveyed, plan, before, target, isSelf ? 0 : 1)
  if (isSelf) throw new HandedOver()
  return carryOut(tools, reporter, journal, entry)
}

/** The stack contains this worker, so somebody else has to finish what is open in its journal. */
export class HandedOver extends Error {}

/** The point of no return. @param starts How many starts there are of what follows, at once. */
async function begin(
  tools: Tools,
  reporter: RunReporter,
  journal: Journal,
  { jobId, job, expect, protect }: DeployRequest,
  { own, broken }: Survey,
  plan: Plan,
  before: Draft | Release,
  target: Draft | Release,
  starts: 0 | 1,
): Promise<Entry> {
  const healthy = broken.length === 0 && before.lost.length === 0 && !journal.file.unproven
  const kept = before.number === undefined ? journal.save({ ...before, at: tools.clock.timestamp() }, healthy) : before
  journal.observe(kept.number)
  const wanted = target.number === undefined ? journal.save({ ...target, at: tools.clock.timestamp(), jobId, by: job.caller }) : target
  if (wanted.number !== kept.number) await protect()
  return journal.begin({
    jobId,
    job,
    target: wanted.number,
    before: kept.number,
    heading: 'target',
    starts,
    report: { ...reporter.soFar(), expect },
    plan,
    fingerprint: target.fingerprint,
    containers: own.filter(isRunning).map(({ id }) => id),
    broken: [...new Set(broken.map(({ service }) => service))],
    proveAll: journal.file.unproven,
    fault: null,
    told: false,
  })
}

function noDataVolume(): Refusal {
  return new Refusal(
    'no_data_volume',
    "This stack contains Deployer's own worker, and its DATA_DIR is on no volume: what a helper has to know to update it would be lost with the container. " +
      'Mount a volume there: volumes: ["worker-data:/data"], and DATA_DIR=/data.',
  )
}
