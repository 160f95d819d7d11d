import { Queue } from 'bullmq'
import type { RunReport } from '@deployer/shared/job'
import { jobEntry, OUTBOX_KEY, OUTBOX_LENGTH } from '@deployer/shared/outbox'
import { queueName, jobKey } from '@deployer/shared/queue'
import { jobOptions, QUEUE_OPTIONS } from '@deployer/shared/retention'
import { runKey } from '@deployer/shared/run-record'
import { settleWithin } from '@deployer/shared/settle-within'
import { stacksWithJournal } from '../journal/file-store.ts'
import { peekJournal, type JournalFile } from '../journal/journal-file.ts'
import { finish } from '../pipeline/finish.ts'
import { reportRun, type RunReporter } from '../pipeline/report-run.ts'
import { startHelper } from '../self/helper.ts'
import { openStack, type OpenStack } from '../stacks/open-stack.ts'
import { createJobStreamWriter } from './job-stream-writer.ts'
import type { JobTools } from './run-job.ts'
import { hasOwnContainer, type RunTools } from './work-on.ts'

/** Milliseconds between two looks. */
const INTERVAL = 10_000
/** Milliseconds in which a lock that nobody holds is had. */
const PATIENCE = 3000
/** Milliseconds that a stop waits for Redis, which may have gone. */
const GOODBYE = 2000

/** Ends what nobody else ends. */
export interface Recovery {
  /** Looks now; done by itself over and over too. */
  look(): Promise<void>
  stop(): Promise<void>
}

/**
 * Ends what is open in the journals of this host and whose worker has died, with or without Redis; and lets jobs come back whose end Redis has
 * never heard of, or has lost: such a job is queued again, and whoever takes it finds its end in the journal.
 */
export function createRecovery(tools: JobTools): Recovery {
  const { dataDir, logger, redis, stopping } = tools
  const working = new Map<string, Promise<void>>()
  /** Of those: what changes a stack. */
  const changing = new Set<Promise<void>>()

  async function lookAt(stack: string): Promise<void> {
    try {
      const file = peekJournal(tools.journalStore(stack))
      if (file?.open) await change(finishOpen(tools, stack))
      if (redis.status !== 'ready') return
      for (const end of file?.untold ?? []) await tellEnd(tools, end)
    } catch (error) {
      logger.debug({ event: 'recovery_failed', stack, err: error }, 'what is open in this stack could not be ended yet')
    }
  }

  async function change(what: Promise<void>): Promise<void> {
    changing.add(what)
    try {
      await what
    } finally {
      changing.delete(what)
    }
  }

  async function look(): Promise<void> {
    if (stopping.aborted) return
    for (const stack of stacksWithJournal(dataDir)) {
      if (working.has(stack)) continue
      working.set(
        stack,
        lookAt(stack).finally(() => working.delete(stack)),
      )
    }
    await Promise.all(working.values())
  }

  const timer = setInterval(() => void look(), INTERVAL)
  return {
    look,
    async stop() {
      clearInterval(timer)
      // What it has begun to change is finished; what Redis is to hear can wait for the next start.
      await Promise.allSettled(changing)
      await settleWithin(GOODBYE, Promise.all(working.values()))
    },
  }
}

async function finishOpen(tools: JobTools, stack: string): Promise<void> {
  const { clock, engine, redis, retention, secrets, trace } = tools
  // An engine that is away leaves nothing to try.
  await engine.ping(clock.timeout(PATIENCE))
  const opened = await openStack(tools, stack, AbortSignal.any([tools.stopping, clock.timeout(PATIENCE)]), () => undefined)
  try {
    const { open } = opened.journal.file
    if (!open) return
    const logger = tools.logger.child({ stack, job_id: open.jobId })
    const stream = createJobStreamWriter(redis, open.jobId, retention, () => undefined)
    const sink = { save: () => undefined, event: stream.add, trace }
    const ended = await endOpen(tools, stack, opened, (former) => {
      logger.warn({ event: 'recovery' }, 'a worker died while it changed this stack; finishing it')
      return reportRun(sink, logger, clock, new AbortController().signal, secrets, former)
    })
    if (!ended) return
    const { state, code } = ended
    logger.info({ event: 'recovered', state, code }, 'the stack is whole again')
    if (redis.status === 'ready') await settleWithin(PATIENCE, stream.flush())
  } finally {
    await opened.release()
  }
}

/**
 * Ends what is open in a stack, or leaves it to a helper where the stack has this worker.
 *
 * @param newReporter Collects how the job goes on.
 * @returns The job's report; `null` where nothing is open, or a helper goes on.
 */
export async function endOpen(
  tools: RunTools,
  stack: string,
  opened: OpenStack,
  newReporter: (former: RunReport) => RunReporter,
): Promise<RunReport | null> {
  const { open } = opened.journal.file
  if (!open) return null
  if (tools.self && (await hasOwnContainer(tools, opened.journal.release(open.target)?.project))) {
    await startHelper(tools.engine, tools.self, open.jobId, stack, tools.stopping)
    return null
  }
  const reporter = newReporter(open.report)
  reporter.detach()
  return finish(opened.tools(reporter), reporter, opened.journal)
}

/**
 * Lets Redis hear the end of a job that it has lost. One that it knows to have ended has nothing more to tell, unless what it had left open
 * has ended since, in another way than it had said.
 */
async function tellEnd(tools: JobTools, { jobId, job, report }: JournalFile['untold'][number]): Promise<void> {
  const { redis, host, clock, stopping } = tools
  const name = queueName(host, job.stack)
  const key = jobKey(name, jobId)
  if ((await redis.exists(key)) === 1) {
    if ((await redis.hexists(key, 'finishedOn')) === 0) return
    const said = await redis.hget(runKey(jobId), 'report')
    if (said !== null && !isSameEnd(JSON.parse(said) as Partial<RunReport>, report)) {
      await redis.xadd(OUTBOX_KEY, 'MAXLEN', '~', OUTBOX_LENGTH, '*', 'entry', jobEntry(jobId, { ...job, host }, report, true))
    }
    const opened = await openStack(tools, job.stack, AbortSignal.any([stopping, clock.timeout(PATIENCE)]), () => undefined)
    opened.journal.told(jobId)
    return opened.release()
  }
  const queue = new Queue(name, { connection: redis, ...QUEUE_OPTIONS, defaultJobOptions: jobOptions(tools.retention) })
  try {
    await queue.add(job.action, { ...job, host }, { jobId })
  } finally {
    await queue.close()
  }
}

function isSameEnd(one: Partial<RunReport>, other: RunReport): boolean {
  return one.state === other.state && one.code === other.code && one.rolled_back === other.rolled_back
}
