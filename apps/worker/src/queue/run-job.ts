import type { Job as QueuedJob } from 'bullmq'
import type { Redis } from 'ioredis'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { RunReport } from '@deployer/shared/job'
import { JobData } from '@deployer/shared/job-data'
import type { Logger } from '@deployer/shared/logger'
import type { Trace } from '@deployer/shared/telemetry'
import { beginRun, enterApplying, saveReport, type RunFence } from '@deployer/shared/run-record'
import type { LockStack, StackLock } from '../lock/stack-lock.ts'
import { deploy, type DeployLimits } from '../pipeline/deploy.ts'
import type { DeployOutcome } from '../pipeline/outcome.ts'
import { outcomeOf } from '../pipeline/outcome-of.ts'
import { reportRun, type RunReporter } from '../pipeline/report-run.ts'
import type { Compose, Engine, StackPaths } from '../ports.ts'
import { Refusal } from '../refusal.ts'
import { awaitHelper, removeHelper, startHelper, type SelfInfo } from '../self/hand-over.ts'
import { locateStack, type StacksRoot } from '../stacks/locate-stack.ts'
import { JobAborted } from './job-aborted.ts'
import { JobFailed } from './job-failed.ts'
import { createJobStreamWriter } from './job-stream-writer.ts'

/** A job that killed its worker this many times is not tried again. */
const MOST_STARTS = 3

/** What every job of this worker works with. */
export interface JobTools {
  redis: Redis
  logger: Logger
  engine: Engine
  compose: Compose
  root: StacksRoot
  limits: DeployLimits
  host: string
  /** Seconds that a job can be read after its end. */
  retention: number
  /** Values of Deployer's own that no output may show. */
  secrets: string[]
  lockStack: LockStack
  trace: Trace
  /** How this worker could be made again as a helper; `null` outside of a container. */
  self: SelfInfo | null
  /** Aborted when this worker is to stop: what a helper does is left to it. */
  stopping: AbortSignal
  /** The jobs whose deploy is running now; the rest of a job is bookkeeping. */
  deploying: Set<string>
}

/**
 * Runs one job from its queue to its end, whatever earlier starts of it have left.
 *
 * @returns The report of a success.
 * @throws {JobFailed} for every other end that has been recorded, and anything else when another start has to end the job.
 */
export async function runJob(job: QueuedJob, stack: string, tools: JobTools, abort: AbortController): Promise<RunReport> {
  const data = JobData.safeParse(job.data)
  if (!data.success || data.data.stack !== stack || data.data.host !== tools.host) {
    throw new JobFailed('This job is not one that the API has made: its data does not fit its queue. Nothing was done.')
  }
  // The lock is taken while Redis writes; a job that was begun before may have a helper, which needs the lock itself.
  const over = new AbortController()
  const live: LiveLog = { say: () => undefined }
  const early = job.attemptsStarted === 1 ? lockFolder(tools, stack, AbortSignal.any([abort.signal, over.signal]), live) : null
  early?.catch(() => undefined)
  try {
    return await runBegun(job, data.data, tools, abort, early, live)
  } finally {
    over.abort()
    void early?.then(({ lock }) => lock.release()).catch(() => undefined)
  }
}

/** The job once it is known to be one: begins the run's record, and takes it to its end. */
async function runBegun(
  job: QueuedJob,
  data: JobData,
  tools: JobTools,
  abort: AbortController,
  early: Promise<LockedStack> | null,
  live: LiveLog,
): Promise<RunReport> {
  const jobId = job.id ?? ''
  const logger = tools.logger.child({ stack: data.stack, job_id: jobId, caller: data.caller })
  const { fence, phase, report } = await beginRun(tools.redis, jobId, data, job.attemptsMade, tools.retention)
  if (report?.finished_at) return conclude(report)
  const stream = createJobStreamWriter(tools.redis, jobId, tools.retention, (error) =>
    logger.warn({ event: 'stream_failed', err: error }, 'the live log could not be written'),
  )
  live.say = (line) => {
    stream.add('log', { step: 'status', line })
    logger.warn({ event: 'stack_locked' }, line)
  }
  const saver = createSaver(tools, fence, data, abort)
  const reporter = reportRun(
    { save: saver.save, event: stream.add, trace: tools.trace },
    logger,
    abort.signal,
    tools.secrets,
    report?.former ?? null,
  )
  let ended: RunReport
  const done = tools.self && phase === 'applying' ? await takeHelperResult(tools, jobId) : null
  if (done) ended = reporter.end(done)
  else if (phase === 'canceled' || phase === 'canceling') ended = reporter.end(canceled())
  else if (fence.attempt > MOST_STARTS) ended = reporter.end(gaveUp())
  else {
    const applying = async () => {
      // Sent behind what is still being stored, over the same connection: one answer to wait for, not three.
      const [now] = await Promise.all([enterApplying(tools.redis, fence), saver.settled()])
      if (now !== 'applying') throw new JobAborted(now === 'lost' ? 'lost' : 'canceled')
    }
    logger.info({ event: 'job_started', attempt: fence.attempt }, 'job started')
    ended = reporter.end(await runDeploy({ jobId, ...data }, tools, early, live, report?.former ?? null, reporter, applying, abort.signal))
  }
  // Sent before the end, over the same connection: who follows the stream reads it to here.
  stream.add('state', { state: ended.state })
  const flushed = stream.flush()
  await saver.last(ended)
  await flushed
  if (tools.self) await removeHelper(tools.engine, jobId, tools.stopping).catch(() => undefined)
  const { state, code, rolled_back, started_at, finished_at } = ended
  const duration_ms = Date.parse(finished_at ?? started_at) - Date.parse(started_at)
  logger.info({ event: 'job_finished', ok: state === 'succeeded', state, code, rolled_back, duration_ms }, 'job finished')
  // For the dashboard, which shows a failed job's progress beside its reason.
  if (state !== 'succeeded') await job.updateProgress({ ...ended })
  return conclude(ended)
}

/** A deploy under the stack's lock; what goes wrong in it becomes an outcome. */
async function runDeploy(
  { jobId, stack, action }: JobData & { jobId: string },
  tools: JobTools,
  early: Promise<LockedStack> | null,
  live: LiveLog,
  former: Record<string, string> | null,
  reporter: RunReporter,
  applying: () => Promise<void>,
  signal: AbortSignal,
): Promise<Parameters<RunReporter['end']>[0]> {
  tools.deploying.add(jobId)
  try {
    const { paths, lock } = await (early ?? lockFolder(tools, stack, signal, live))
    const { self } = tools
    try {
      return await deploy({
        action,
        paths,
        lockFd: lock.fd,
        engine: tools.engine,
        compose: tools.compose,
        limits: tools.limits,
        steps: reporter,
        hide: reporter.hide,
        former,
        enterApplying: async (images) => {
          reporter.remember(images)
          await applying()
        },
        ownContainer: self?.container ?? null,
        handOver:
          self &&
          (async (images) => {
            await startHelper(tools.engine, self, jobId, { stack, action, former: images }, signal)
            // The helper waits for the lock.
            await lock.release()
            const result = await takeHelperResult(tools, jobId)
            if (result) return result
            throw new Error('The helper that deployed this stack ended without a result. See the log of its container.')
          }),
      })
    } finally {
      await lock.release()
    }
  } catch (error) {
    if (error instanceof JobAborted && error.why === 'canceled') return canceled()
    if (error instanceof JobAborted || error === tools.stopping.reason) throw error
    return outcomeOf(error)
  } finally {
    tools.deploying.delete(jobId)
  }
}

/** A stack's folder, and the right to run compose in it. */
interface LockedStack {
  paths: StackPaths
  lock: StackLock
}

/** Where it is said who has the lock; the live log, once there is one. */
interface LiveLog {
  say: (line: string) => void
}

/** @throws {Refusal} when the folder is not one to work in, and the signal's reason. */
async function lockFolder(tools: JobTools, stack: string, signal: AbortSignal, live: LiveLog): Promise<LockedStack> {
  if (!existsSync(join(tools.root.here, stack))) {
    throw new Refusal('step_failed', `The folder of "${stack}" has been removed from ${tools.root.here}. Nothing was done.`)
  }
  const paths = locateStack(tools.root, stack)
  return { paths, lock: await tools.lockStack(paths, signal, (line) => live.say(line)) }
}

/** The result of a job's helper, once it has one. */
function takeHelperResult(tools: JobTools, jobId: string): Promise<RunReport | null> {
  return awaitHelper(tools.engine, jobId, tools.stopping)
}

function canceled(): { state: 'canceled'; code: 'canceled'; message: string } {
  return { state: 'canceled', code: 'canceled', message: 'The job was canceled before anything was changed.' }
}

function gaveUp(): DeployOutcome {
  const message = `The worker died ${MOST_STARTS} times while it ran this job, so it is not tried again. See the worker's log and the kernel's (out of memory?).`
  return { state: 'failed', code: 'step_failed', message, changes: [], rolledBack: false }
}

function conclude(report: RunReport): RunReport {
  if (report.state === 'succeeded') return report
  const failed = report.steps.filter(({ ok }) => !ok)
  throw new JobFailed(report.message ?? report.state, failed.map(({ name, tail }) => `${name}:\n${tail}`).join('\n'))
}

/** Stores reports in their order, which the one connection keeps; a refused one means that this run has been replaced. */
function createSaver(tools: JobTools, fence: RunFence, job: JobData, abort: AbortController) {
  let saving: Promise<unknown> = Promise.resolve()
  const save = (report: RunReport) => {
    const saved = saveReport(tools.redis, fence, job, report, tools.retention).then((kept) => {
      if (!kept) abort.abort(new JobAborted('lost'))
    })
    saving = Promise.all([saving, saved])
    saving.catch(() => undefined)
  }
  return {
    save,
    settled: () => saving,
    async last(report: RunReport) {
      save(report)
      await saving
      if (abort.signal.reason instanceof JobAborted && abort.signal.reason.why === 'lost') throw abort.signal.reason
    },
  }
}
