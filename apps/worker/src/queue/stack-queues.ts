import { Queue, WaitingError, Worker, type Job as QueuedJob, type WorkerOptions } from 'bullmq'
import type { Redis } from 'ioredis'
import { setTimeout as delay } from 'node:timers/promises'
import { encodeJobNews, JOB_CHANNEL } from '@deployer/shared/job-stream'
import { KEY_PREFIX, parseQueueName, QUEUES_KEY, queueName } from '@deployer/shared/queue'
import { forgetRecords, QUEUE_OPTIONS } from '@deployer/shared/retention'
import { settleWithin } from '@deployer/shared/settle-within'
import type { Telemetry } from '@deployer/shared/telemetry'
import { JobAborted } from './job-aborted.ts'
import { runJob, type JobTools } from './run-job.ts'
import type { Slots } from './slots.ts'
import { watchOrphans } from './watch-orphans.ts'
import { Unfinished } from './work-on.ts'

/**
 * Milliseconds. A dead worker's job is free after `lockDuration` and found by the second look after that. Short, since the lock in
 * Redis only decides when a job is tried again: what keeps two deploys apart is the kernel's lock on the folder.
 */
const TIMES = { lockDuration: 6000, stalledInterval: 2000 }
/** Ends of a worker are counted by the run record; BullMQ's own limit must not come first. */
const MOST_STALLS = 20

/** Milliseconds until what could not be ended is tried again: whatever stands in its way, a full disk perhaps, does not go in an instant. */
const RETRY = 2000

/** Milliseconds that a stop waits for Redis once no deploy is running. */
const GOODBYE = 2000

/** Milliseconds that a stop waits for a Redis that is away, and between two looks. */
const ABSENCE = 5000
const LOOK = 100

/** The queues of this host's stacks. */
export interface StackQueues {
  /** Begins to work for a stack; for one that is known already, nothing happens. */
  add(stack: string): Promise<void>
  /** Makes the queues known to Redis anew, which has lost what it held. */
  restore(): Promise<void>
  /** Begins to work for stacks whose folders are gone but whose jobs are not: those have to end too. */
  addForgotten(): Promise<void>
  /** Aborts a running job of this process. */
  cancel(jobId: string): void
  /** Ends when the running deploys have ended; to be called when the tools' `stopping` is aborted. */
  stop(): Promise<void>
}

/**
 * @param slots Limits how many stacks are deployed at the same time.
 * @param telemetry `null`: nothing is traced.
 */
export function createStackQueues(tools: JobTools, slots: Slots, telemetry: Telemetry | null): StackQueues {
  const { redis, logger, host, stopping } = tools
  const workers = new Map<string, Worker>()
  const options: WorkerOptions = {
    connection: redis,
    prefix: KEY_PREFIX,
    ...TIMES,
    skipVersionCheck: true,
    skipStalledCheck: true,
    maxStalledCount: MOST_STALLS,
    drainDelay: 30,
    ...(telemetry ? { telemetry: telemetry.bullmq } : {}),
  }
  /** Every job that BullMQ has given to this process, also those that wait for a slot. */
  const held = new Set<string>()
  const orphans = watchOrphans(
    redis,
    options,
    TIMES.stalledInterval,
    () => [...workers.keys()].map((stack) => queueName(host, stack)),
    (jobId) => held.has(jobId),
    (queue, jobId) => logger.warn({ event: 'job_stalled', queue, job_id: jobId }, 'a worker died with this job; it runs again'),
  )
  const running = new Map<string, { abort: AbortController; ended: Promise<unknown> }>()

  async function processJob(stack: string, job: QueuedJob, token: string | undefined, lost: AbortSignal | undefined) {
    const signals = lost ? [lost, stopping] : [stopping]
    let giveBack: () => void
    try {
      giveBack = await slots.take(AbortSignal.any(signals))
    } catch (error) {
      if (!stopping.aborted) throw error
      return putBack(job, token)
    }
    const abort = new AbortController()
    const onLost = () => abort.abort(new JobAborted('lost'))
    lost?.addEventListener('abort', onLost, { once: true })
    const ended = runJob(job, stack, tools, abort)
    running.set(job.id ?? '', { abort, ended: ended.catch(() => undefined) })
    try {
      return await ended
    } catch (error) {
      // What a helper goes on with, or what has begun and not ended, is taken up again; so is a job whose lock could not be kept in time.
      const again = error === stopping.reason || error instanceof Unfinished || (error instanceof JobAborted && error.why === 'lost')
      if (!again) throw error
      if (error instanceof Unfinished) {
        logger.error(
          { event: 'job_unfinished', stack, job_id: job.id, err: error.cause },
          'what has begun in this stack could not be ended; trying again',
        )
        await delay(RETRY, undefined, { signal: stopping }).catch(() => undefined)
      }
      return putBack(job, token)
    } finally {
      running.delete(job.id ?? '')
      lost?.removeEventListener('abort', onLost)
      giveBack()
    }
  }

  /** A queue is listed before its first job can be; the limit is set each time, since the dashboard could have changed it. */
  async function register(name: string): Promise<void> {
    const queue = new Queue(name, { connection: redis, ...QUEUE_OPTIONS })
    await redis.sadd(QUEUES_KEY, name)
    await queue.setGlobalConcurrency(1)
    await queue.close()
  }

  async function start(stack: string): Promise<void> {
    const name = queueName(host, stack)
    await register(name)
    const worker = new Worker(
      name,
      (job, token, signal) => {
        const id = job.id ?? ''
        held.add(id)
        return processJob(stack, job, token, signal).finally(() => held.delete(id))
      },
      options,
    )
    worker.on('lockRenewalFailed', (ids) => ids.forEach((id) => worker.cancelJob(id)))
    // BullMQ has just let the oldest job go.
    const forget = () => void forgetRecords(redis, name).catch(() => undefined)
    worker.on('completed', forget)
    worker.on('failed', (job) => {
      forget()
      if (job?.id) redis.publish(JOB_CHANNEL, encodeJobNews(job.id, 'end')).catch(() => undefined)
    })
    worker.on('error', (error) => logger.debug({ event: 'queue_error', stack, err: error }, 'queue error'))
    workers.set(stack, worker)
  }

  return {
    async add(stack) {
      if (!workers.has(stack) && !stopping.aborted) await start(stack)
    },
    async restore() {
      for (const stack of workers.keys()) await register(queueName(host, stack))
    },
    async addForgotten() {
      for (const name of await redis.smembers(QUEUES_KEY)) {
        const queue = parseQueueName(name)
        if (queue?.host !== host || workers.has(queue.stack)) continue
        const pending = (await redis.llen(`${KEY_PREFIX}:${name}:wait`)) + (await redis.llen(`${KEY_PREFIX}:${name}:active`))
        if (pending > 0) await start(queue.stack)
      }
      await orphans.look()
    },
    cancel(jobId) {
      running.get(jobId)?.abort.abort(new JobAborted('canceled'))
    },
    async stop() {
      void orphans.stop()
      const closing = Promise.all([...workers.values()].map((worker) => worker.close()))
      await Promise.race([Promise.all(running.values().map(({ ended }) => ended)), nothingButRedis(redis, tools.deploying)])
      await settleWithin(GOODBYE, closing)
    },
  }
}

/** Gives a job back to its queue, for the next one who takes it; where somebody has it already, nothing is left to do. */
async function putBack(job: QueuedJob, token: string | undefined): Promise<never> {
  await job.moveToWait(token).catch(() => undefined)
  throw new WaitingError()
}

/** Resolves when no deploy is running and what is left has waited for an absent Redis too long: the next worker will end those jobs. */
async function nothingButRedis(redis: Redis, deploying: JobTools['deploying']): Promise<void> {
  for (let waited = 0; waited < ABSENCE; waited += LOOK) {
    if (deploying.size > 0 || redis.status === 'ready') waited = 0
    await delay(LOOK, undefined, { ref: false })
  }
}
