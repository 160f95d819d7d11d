import type { Job as QueuedJob } from 'bullmq'
import type { Redis } from 'ioredis'
import type { RunReport } from '@deployer/shared/job'
import { JobData } from '@deployer/shared/job-data'
import { beginRun, enterApplying, type RunFence } from '@deployer/shared/run-record'
import { settleWithin } from '@deployer/shared/settle-within'
import type { Trace } from '@deployer/shared/telemetry'
import type { Journal } from '../journal/journal.ts'
import { releaseImages } from '../journal/former-names.ts'
import { canceled, failedAt, type Outcome } from '../pipeline/outcome.ts'
import { reportRun } from '../pipeline/report-run.ts'
import { openStack } from '../stacks/open-stack.ts'
import type { Watch } from '../watch/watch.ts'
import { findHold } from './find-hold.ts'
import { JobAborted } from './job-aborted.ts'
import { JobFailed } from './job-failed.ts'
import { createJobStreamWriter } from './job-stream-writer.ts'
import { publishReleases } from './publish-releases.ts'
import { createSaver, type ReportSaver } from './report-saver.ts'
import { untilTaken } from './until-taken.ts'
import { workOn, type RunTools } from './work-on.ts'

/** A job that killed its worker this many times before it changed anything is not tried again. */
const MOST_STARTS = 3

/** Milliseconds that a job's end waits for what is told of releases, which needs engine and Redis. */
const PUBLISHING = 2000
/** Milliseconds that a worker which is to stop waits for a Redis that is away, and between two looks. */
const ABSENCE = 5000
const LOOK = 100

/** What every job of this worker works with. */
export interface JobTools extends RunTools {
  /** DATA_DIR */
  dataDir: string
  redis: Redis
  host: string
  /** Seconds that a job can be read after its end. */
  retention: number
  /** Looks for new images. */
  watch?: Pick<Watch, 'check' | 'refresh'>
  /** Values of Deployer's own that no output may show. */
  secrets: string[]
  trace: Trace
}

/**
 * Runs one job from its queue to its end, whatever earlier starts of it have left.
 *
 * @returns What the dashboard shows of a success; the report is in the run record.
 * @throws {JobFailed} for every other end that has been recorded, and anything else when another start has to end the job.
 */
export async function runJob(
  job: QueuedJob,
  stack: string,
  tools: JobTools,
  abort: AbortController,
): Promise<Pick<RunReport, 'state' | 'release'>> {
  const parsed = JobData.safeParse(job.data)
  if (!parsed.success || parsed.data.stack !== stack || parsed.data.host !== tools.host) {
    throw new JobFailed('This job is not one that the API has made: its data does not fit its queue. Nothing was done.')
  }
  const jobId = job.id ?? ''
  const logger = tools.logger.child({ stack, job_id: jobId, caller: parsed.data.caller })
  const { redis, clock, retention } = tools
  const { fence, phase, report, expect, whole } = await beginRun(redis, jobId, parsed.data, job.attemptsMade)
  const data = whole ? { ...withoutOnly(parsed.data), ...whole } : parsed.data
  const stream = createJobStreamWriter(redis, jobId, retention, (error) =>
    logger.warn({ event: 'stream_failed', err: error }, 'the live log could not be written'),
  )
  const saver = createSaver(tools, fence, data, abort)
  const sink = { save: saver.save, event: stream.add, trace: tools.trace }
  if (report?.finished_at) {
    const opened = await openStack(tools, stack, abort.signal, () => undefined).catch(() => null)
    opened?.journal.told(jobId)
    await opened?.release()
    return conclude(report)
  }
  const untold = (error: unknown) =>
    logger.warn({ event: 'releases_untold', err: error }, 'the releases could not be told; the next job tells them')
  const settle = async (ended: RunReport, journal: Journal | null) => {
    // Who hears of the end finds its release.
    if (journal) await settleWithin(PUBLISHING, publishReleases(tools, stack, journal).catch(untold))
    // Sent before the end, over the same connection: who follows the stream reads it to here.
    stream.add('state', { state: ended.state })
    const flushed = stream.flush()
    await saver.last(ended)
    await flushed
    const { state, code, message, rolled_back, started_at, finished_at } = ended
    const duration_ms = Date.parse(finished_at ?? started_at) - Date.parse(started_at)
    const fields = { event: 'job_finished', ok: state === 'succeeded', state, code, rolled_back, duration_ms }
    if (state === 'failed') logger.warn({ ...fields, message }, 'job finished')
    else logger.info(fields, 'job finished')
    // For the dashboard, which shows a failed job's progress beside its reason.
    if (state !== 'succeeded') await job.updateProgress({ ...ended })
    if (journal) await tidy(tools, jobId, stack, journal, state)
    if (data.action !== 'plan' && data.action !== 'check') await tools.watch?.refresh(stack)
  }
  logger.info({ event: 'job_started', attempt: fence.attempt }, 'job started')
  const ended = await workOn(
    {
      jobId,
      data,
      expect,
      newReporter: (former) => reportRun(sink, logger, clock, abort.signal, tools.secrets, former),
      unfit: phase === 'canceled' || phase === 'canceling' ? canceled() : fence.attempt > MOST_STARTS ? gaveUp() : null,
      signal: abort.signal,
      findHold: () => orGiveUp(tools, findHold(redis, data)),
      enterApplying: () => passNoReturn(tools, fence, saver),
      settle,
      check: (look) => tools.watch?.check(stack, look, data.only && Object.keys(data.only)) ?? Promise.resolve({ how: 'proved' }),
    },
    tools,
  )
  return conclude(ended)
}

/** Passes the point after which a job is no longer cancelable. @throws {JobAborted} when it is canceled, or another start has followed. */
export async function passNoReturn(tools: JobTools, fence: RunFence, saver: ReportSaver): Promise<void> {
  // Sent behind what is still being stored, over the same connection: one answer to wait for, not three.
  const enter = () => orGiveUp(tools, Promise.all([enterApplying(tools.redis, fence), saver.settled()]))
  const [now] = await untilTaken(enter, tools.logger, tools.clock, tools.stopping)
  if (now !== 'applying') throw new JobAborted(now === 'lost' ? 'lost' : 'canceled')
}

function withoutOnly(data: JobData): JobData {
  const { only: _, replaces: __, ...rest } = data
  return rest
}

/** What follows a job: its end need not be told any more, and images are let go. */
async function tidy(
  { engine, clock, logger }: JobTools,
  jobId: string,
  stack: string,
  journal: Journal,
  state: RunReport['state'],
): Promise<void> {
  try {
    try {
      // What a failed deploy has brought can be looked at until one succeeds.
      if (state === 'succeeded') await releaseImages(engine, stack, journal, clock.timeout(30_000))
    } finally {
      // Last, since it waits for the disk, and who waits for the job's end is answered by the same process.
      journal.told(jobId)
    }
  } catch (error) {
    logger.warn({ event: 'tidy_failed', stack, err: error }, 'what follows a job went wrong; it is done again after the next one')
  }
}

/** What Redis is asked, unless this worker is to stop and Redis stays away: nothing has been changed by then. */
async function orGiveUp<T>({ stopping, redis, clock }: JobTools, asked: Promise<T>): Promise<T> {
  const over = new AbortController()
  const giveUp = async (): Promise<never> => {
    for (let away = 0; away < ABSENCE; away = stopping.aborted && redis.status !== 'ready' ? away + LOOK : 0)
      await clock.wait(LOOK, over.signal)
    throw stopping.reason
  }
  const givenUp = giveUp()
  givenUp.catch(() => undefined)
  return Promise.race([asked, givenUp]).finally(() => over.abort())
}

function gaveUp(): Outcome {
  const message = `The worker died ${MOST_STARTS} times while it ran this job, so it is not tried again; nothing was changed. See the worker's log and the kernel's (out of memory?).`
  return { ...failedAt('status'), message }
}

function conclude(report: RunReport): Pick<RunReport, 'state' | 'release'> {
  const { state, release } = report
  if (state === 'succeeded') return { state, release }
  const failed = report.steps.filter(({ ok }) => !ok)
  throw new JobFailed(report.message ?? report.state, failed.map(({ name, tail }) => `${name}:\n${tail}`).join('\n'))
}
