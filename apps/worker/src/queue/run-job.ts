import type { Job as QueuedJob } from 'bullmq'
import type { Redis } from 'ioredis'
import type { RunReport } from '@deployer/shared/job'
import { JobData } from '@deployer/shared/job-data'
import { beginRun, enterApplying, type RunFence } from '@deployer/shared/run-record'
import type { Trace } from '@deployer/shared/telemetry'
import { peekJournal, type Journal } from '../journal/journal.ts'
import { protectImages, releaseImages } from '../journal/former-names.ts'
import { checkOnly } from '../pipeline/check-only.ts'
import { deploy, HandedOver, type Self } from '../pipeline/deploy.ts'
import { finish } from '../pipeline/finish.ts'
import { canceled, failedAt, outcomeOf, type Outcome } from '../pipeline/outcome.ts'
import { reportRun, type RunReporter } from '../pipeline/report-run.ts'
import { Refusal } from '../refusal.ts'
import { awaitHelper, startHelper, type SelfInfo } from '../self/helper.ts'
import { openStack, type HostTools, type OpenStack } from '../stacks/open-stack.ts'
import type { StepContext, StepEnd } from '../steps/step.ts'
import type { Watch } from '../watch/watch.ts'
import { findHold } from './find-hold.ts'
import { JobAborted } from './job-aborted.ts'
import { JobFailed } from './job-failed.ts'
import { createJobStreamWriter } from './job-stream-writer.ts'
import { publishReleases } from './publish-releases.ts'
import { createSaver, type ReportSaver } from './report-saver.ts'

/** A job that killed its worker this many times before it changed anything is not tried again. */
const MOST_STARTS = 3

/** Milliseconds that a worker which is to stop waits for a Redis that is away, and between two looks. */
const ABSENCE = 5000
const LOOK = 100

/** What a job works with under its stack's lock, where it needs no Redis. */
export interface RunTools extends HostTools {
  /** How this worker could be made again as a helper; `null` outside of a container. */
  self: (SelfInfo & Self) | null
  /** Aborted when this worker is to stop: what has begun to change a stack is finished, or left to its helper. */
  stopping: AbortSignal
  /** The jobs whose deploy is running now; the rest of a job is bookkeeping. */
  deploying: Set<string>
}

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
  const data = whole ? withoutOnly(parsed.data) : parsed.data
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
  const settle = async (ended: RunReport, journal: Journal | null) => {
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
      check: (look) => tools.watch?.check(stack, look) ?? Promise.resolve({ how: 'proved' }),
    },
    tools,
  )
  return conclude(ended)
}

/** Passes the point after which a job is no longer cancelable. @throws {JobAborted} when it is canceled, or another start has followed. */
export async function passNoReturn(tools: JobTools, fence: RunFence, saver: ReportSaver): Promise<void> {
  // Sent behind what is still being stored, over the same connection: one answer to wait for, not three.
  const [now] = await orGiveUp(tools, Promise.all([enterApplying(tools.redis, fence), saver.settled()]))
  if (now !== 'applying') throw new JobAborted(now === 'lost' ? 'lost' : 'canceled')
}

/** What has begun in a stack has not ended, because of something that nobody has foreseen: it is tried again. */
export class Unfinished extends Error {}

/** One start of a job. */
export interface Run {
  jobId: string
  data: JobData
  expect: Record<string, string>
  newReporter: (former: RunReport | null) => RunReporter
  /** Why it is not to be begun, unless it has begun already. */
  unfit: Outcome | null
  signal: AbortSignal
  /** The refusal that a deploy meets while somebody holds the stack. */
  findHold: () => Promise<Refusal | null>
  enterApplying: () => Promise<void>
  /** Makes the job's end known, while the stack is still locked. @param journal `null` where the stack could not be opened. */
  settle: (ended: RunReport, journal: Journal | null) => Promise<void>
  /** The one step of a check. */
  check?: (context: StepContext) => Promise<StepEnd>
}

/** Takes the job to its end under the stack's lock; what goes wrong in it becomes an outcome. */
export async function workOn(run: Run, tools: RunTools): Promise<RunReport> {
  const { jobId, data, expect } = run
  const { stack } = data
  const reporter = run.newReporter(null)
  const endWith = async (report: RunReport, journal: Journal | null) => {
    tools.deploying.delete(jobId)
    const ended = { ...report, expect }
    await run.settle(ended, journal)
    return ended
  }
  tools.deploying.add(jobId)
  try {
    for (;;) {
      let opened: OpenStack
      try {
        opened = await openStack(tools, stack, run.signal, reporter.say)
      } catch (error) {
        const file = error instanceof Refusal ? peekJournal(tools.journalStore(stack)) : null
        // How it has ended is known, whatever keeps the stack from being opened now.
        const known = file?.untold.find((one) => one.jobId === jobId)?.report
        if (known) return await endWith(known, null)
        const open = file?.open
        // Who holds the lock keeps nothing from being ended that has begun.
        if (open && error instanceof Refusal && error.code === 'stack_busy') continue
        if (open?.jobId === jobId) return await endWith(reporter.end(cannotEnd(error)), null)
        return await endWith(reporter.end(endBy(error, tools)), null)
      }
      try {
        return await endWith(await workOnOpen(run, tools, opened, reporter), opened.journal)
      } catch (error) {
        if (!(error instanceof HandedOver) || !tools.self) throw error
        // The open entry may be another job's.
        const helped = opened.journal.file.open?.jobId ?? jobId
        await startHelper(tools.engine, tools.self, helped, stack, tools.stopping)
        // The helper waits for the lock.
        await opened.release()
        tools.deploying.delete(jobId)
        await awaitHelper(tools.engine, helped, tools.stopping)
      } finally {
        await opened.release()
      }
    }
  } finally {
    tools.deploying.delete(jobId)
  }
}

/** What becomes of a job by an error. Those that another start has to deal with are thrown on. */
function endBy(error: unknown, { stopping }: RunTools): Outcome {
  if (error instanceof HandedOver || error === stopping.reason) throw error
  if (!(error instanceof JobAborted)) return outcomeOf(error)
  if (error.why === 'lost') throw error
  return canceled()
}

async function workOnOpen(run: Run, tools: RunTools, { journal, tools: toolsFor }: OpenStack, first: RunReporter): Promise<RunReport> {
  const { jobId, data } = run
  const told = () => journal.file.untold.find((one) => one.jobId === jobId)?.report
  const { open } = journal.file
  if (!told() && open) {
    if (await hasOwnContainer(tools, journal.release(open.target)?.project)) throw new HandedOver()
    const reporter = open.jobId === jobId ? run.newReporter(open.report) : first
    reporter.detach()
    await finish(toolsFor(reporter), reporter, journal).catch(unfinished)
  }
  const known = told()
  if (known) return known
  if (run.unfit) return first.end(run.unfit)
  if (data.action === 'check') return checkOnly(first, tools.limits, run.check)
  try {
    const held = await run.findHold()
    const changes = data.action === 'deploy' || data.action === 'rollback'
    if (held && changes) throw held
    const report = await deploy(toolsFor(first), first, journal, {
      jobId,
      job: data,
      expect: run.expect,
      inContainer: tools.self !== null,
      async enterApplying() {
        // It may have come while images were pulled.
        const late = await run.findHold()
        if (late) throw late
        return run.enterApplying()
      },
      protect: () => protectImages(tools.engine, data.stack, journal, tools.clock.timeout(30_000)),
      self: tools.self,
    })
    return held && report.plan ? { ...report, refusal: { code: held.code, message: held.message } } : report
  } catch (error) {
    // Once something is open, only another start can say how it ends.
    if (error instanceof HandedOver) throw error
    if (journal.file.open) return unfinished(error)
    if (!(error instanceof Refusal) || data.action !== 'plan') return first.end(endBy(error, tools))
    return first.end({ state: 'succeeded', code: null, message: null, refusal: { code: error.code, message: error.message } })
  }
}

function withoutOnly(data: JobData): JobData {
  const { only: _, ...rest } = data
  return rest
}

function unfinished(cause: unknown): never {
  throw new Unfinished('What has begun in this stack could not be ended yet.', { cause })
}

/** Whether a project contains this worker's own container. */
export async function hasOwnContainer({ self, engine, clock }: RunTools, project: string | undefined): Promise<boolean> {
  if (!self || project === undefined) return false
  return (await engine.listContainers(clock.timeout(60_000), project)).some(({ id }) => id === self.container)
}

/** What follows a job: its end need not be told any more, releases are, and images let go. */
async function tidy(
  { redis, engine, host, clock, logger }: JobTools,
  jobId: string,
  stack: string,
  journal: Journal,
  state: RunReport['state'],
): Promise<void> {
  try {
    journal.told(jobId)
    await publishReleases({ redis, engine, host, clock }, stack, journal)
    // What a failed deploy has brought can be looked at until one succeeds.
    if (state === 'succeeded') await releaseImages(engine, stack, journal, clock.timeout(30_000))
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

/** Of a job that has begun to change a stack which cannot be worked on any more. */
function cannotEnd(error: unknown): Outcome {
  const why = outcomeOf(error).message?.replace(/ Nothing was done\.$/, '') ?? ''
  const message = `${why} What this job had begun to change is as its worker left it. It is ended as soon as that is mended.`
  return { state: 'failed', code: 'rollback_failed', message }
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
