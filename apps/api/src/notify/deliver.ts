import { Queue, UnrecoverableError, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Logger } from '@deployer/shared/logger'
import { QUEUE_OPTIONS } from '@deployer/shared/retention'
import type { Delivery } from './message.ts'

/** Tries of one delivery, and the milliseconds after the first, the second, … that failed. */
const PAUSES = [5000, 30_000, 180_000, 900_000]
/** Milliseconds that a try may take. */
const PATIENCE = 20_000
/** Milliseconds after which what a process that died was sending is sent by another. */
const LOCK = 6000
/** What has been sent is remembered so long, in seconds: an entry that is dealt with twice is sent once. */
const REMEMBERED = { age: 86_400, count: 5000 }

/** One thing to send to one receiver. `T` goes through Redis, so it holds nothing of a URL. */
export interface Deliveries<T> {
  /** @param id The same id is sent once. @param tries All that there are, unless fewer make sense. */
  add(id: string, data: T, tries?: number): Promise<void>
  close(): Promise<void>
}

class NotDelivered extends Error {
  readonly wait: number

  constructor(message: string, wait: number) {
    super(message)
    this.wait = wait
  }
}

/**
 * A queue of deliveries, and this process's part in sending them.
 *
 * @param redis For adding.
 * @param workRedis For the worker: patient.
 * @param send `null`: there is no such receiver any more.
 */
export function createDeliveries<T>(
  name: string,
  redis: Redis,
  workRedis: Redis,
  logger: Logger,
  concurrency: number,
  send: (data: T, signal: AbortSignal) => Promise<Delivery> | null,
  pauses: number[] = PAUSES,
): Deliveries<T> {
  const queue = new Queue(name, { connection: redis, ...QUEUE_OPTIONS })
  const worker = new Worker(
    name,
    async ({ id, data, attemptsMade }) => {
      const sending = send(data as T, AbortSignal.timeout(PATIENCE))
      const delivery = sending && (await sending)
      if (!delivery || delivery.ok) return
      const { status, answer, again, wait } = delivery
      const fields = { delivery: id, attempt: attemptsMade + 1, status, answer }
      logger.warn(
        { event: 'notify_failed', ...fields },
        again ? 'a message could not be delivered yet' : 'a message could not be delivered',
      )
      const why = `${status ?? 'no answer'}: ${answer}`
      throw again ? new NotDelivered(why, wait) : new UnrecoverableError(why)
    },
    {
      connection: workRedis,
      prefix: QUEUE_OPTIONS.prefix,
      skipVersionCheck: true,
      concurrency,
      lockDuration: LOCK,
      stalledInterval: LOCK,
      // Dying is no fault of the message's.
      maxStalledCount: 1000,
      settings: {
        backoffStrategy: (attempts, _type, error) =>
          Math.max(pauses[attempts - 1] ?? 0, error instanceof NotDelivered ? error.wait * 1000 : 0),
      },
    },
  )
  // Said by the connections themselves.
  queue.on('error', () => undefined)
  worker.on('error', () => undefined)
  return {
    async add(id, data, tries = pauses.length + 1) {
      const rest = { removeOnComplete: REMEMBERED, removeOnFail: REMEMBERED, backoff: { type: 'custom' } }
      await queue.add('send', data, { jobId: id, attempts: tries, ...rest })
    },
    async close() {
      await worker.close()
      await queue.close()
    },
  }
}
