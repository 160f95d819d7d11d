import { UnrecoverableError, type Job as QueuedJob } from 'bullmq'
import type { Redis } from 'ioredis'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { RunReport } from '@deployer/shared/job'
import { JobData } from '@deployer/shared/job-data'
import type { Logger } from '@deployer/shared/logger'
import type { Trace } from '@deployer/shared/telemetry'
import { beginRun, enterApplying, saveReport, type RunFence } from '@deployer/shared/run-record'
import { lockStack } from '../lock/stack-lock.ts'
import { deploy, type DeployLimits } from '../pipeline/deploy.ts'
import type { DeployOutcome } from '../pipeline/outcome.ts'
import { outcomeOf } from '../pipeline/outcome-of.ts'
import { reportRun, type RunReporter } from '../pipeline/report-run.ts'
import type { Compose, Engine } from '../ports.ts'
import { Refusal } from '../refusal.ts'
import { awaitHelper, removeHelper, startHelper, type SelfInfo } from '../self/hand-over.ts'
import { locateStack, type StacksRoot } from '../stacks/locate-stack.ts'
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
  searchPath: string
  trace: Trace
  /** How this worker could be made again as a helper; `null` outside of a container. */
  self: SelfInfo | null
  /** Aborted when this worker is to stop: what a helper does is left to it. */
  stopping: AbortSignal
  /** The jobs whose deploy is running now; the rest of a job is bookkeeping. */
  deploying: Set<string>
}

/** Why a job's signal is aborted. */
export class JobAborted extends Error {
  readonly why: 'canceled' | 'lost'

  constructor(why: 'canceled' | 'lost') {
    super(why === 'canceled' ? 'The job was canceled.' : 'The job was taken over by another start of it.')
    this.why = why
  }
}

/** The job ended other than in success; BullMQ keeps the message as the reason. */
export class JobFailed extends UnrecoverableError {
  constructor(message: string) {
    super(message)
    // The dashboard shows the stack of an error; where this one was thrown tells nobody anything.
    this.stack = message
  }
}

/**
 * Runs one job from its queue to its end, whatever earlier starts of it have left.
 *
 * @returns The report of a success.
 * @throws {JobFailed} for every other end that has been recorded, and anything else when another start has to end the job.
 */
export async function runJob(job: QueuedJob, stack: string, tools: JobTools, abort: AbortController): Promise<RunReport> {
  const jobId = job.id ?? ''
  const data = JobData.safeParse(job.data)
  if (!data.success || data.data.stack !== stack || data.data.host !== tools.host) {
    throw new JobFailed('This job is not one that the API has made: its data does not fit its queue. Nothing was done.')
  }
  const logger = tools.logger.child({ stack, job_id: jobId, caller: data.data.caller })
  const { fence, phase, report } = await beginRun(tools.redis, jobId, job.attemptsMade, tools.retention)
  if (report?.finished_at) return conclude(report)
  const stream = createJobStreamWriter(tools.redis, jobId, tools.retention, (error) =>
    logger.warn({ event: 'stream_failed', err: error }, 'the live log could not be written'),
  )
  const saver = createSaver(tools, fence, data.data, abort)
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
      await saver.settled()
      const now = await enterApplying(tools.redis, fence)
      if (now !== 'applying') throw new JobAborted(now === 'lost' ? 'lost' : 'canceled')
    }
    logger.info({ event: 'job_started', attempt: fence.attempt }, 'job started')
    ended = reporter.end(await runDeploy({ jobId, ...data.data }, tools, report?.former ?? null, reporter, applying, abort.signal))
  }
  // Before the end is known: who follows the stream reads it to here.
  stream.add('state', { state: ended.state })
  await stream.flush()
  await saver.last(ended)
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
  former: Record<string, string> | null,
  reporter: RunReporter,
  applying: () => Promise<void>,
  signal: AbortSignal,
): Promise<Parameters<RunReporter['end']>[0]> {
  tools.deploying.add(jobId)
  try {
    if (!existsSync(join(tools.root.here, stack))) {
      throw new Refusal('step_failed', `The folder of "${stack}" has been removed from ${tools.root.here}. Nothing was done.`)
    }
    const paths = locateStack(tools.root, stack)
    const lock = await lockStack(paths.dir, tools.searchPath, signal)
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
  throw new JobFailed(report.message ?? report.state)
}

/** Stores reports one after the other; a refused one means that this run has been replaced. */
function createSaver(tools: JobTools, fence: RunFence, job: JobData, abort: AbortController) {
  let saving: Promise<void> = Promise.resolve()
  const save = (report: RunReport) => {
    const copy = structuredClone(report)
    saving = saving.then(async () => {
      if (await saveReport(tools.redis, fence, job, copy, tools.retention)) return
      abort.abort(new JobAborted('lost'))
    })
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
