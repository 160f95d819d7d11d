import { Queue } from 'bullmq'
import { createHash, randomUUIDv7 } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Job } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import { jobKey, KEY_PREFIX, queueName, RETAINED_JOBS, waitingKey } from '@deployer/shared/queue'
import type { Telemetry } from '@deployer/shared/telemetry'
import { queueUnavailable } from '../problem.ts'
import type { JobStore } from './job-store.ts'
import { queuedJob } from './to-job.ts'

/** Puts jobs into the queues of the stacks. */
export interface JobQueue {
  /**
   * Queues a job, or joins the one that waits already.
   *
   * @param idempotencyKey The same key of the same caller and stack gets the same job for a day.
   * @throws {Problem} `queue_unavailable`, with nothing accepted.
   */
  add(data: JobData, idempotencyKey: string | undefined): Promise<Job>
  /** The queue of that name, as BullMQ has it. */
  open(name: string): Queue
  close(): Promise<void>
}

/** Seconds that an idempotency key counts. */
const KEY_LIFETIME = 86_400

/** The id of the job that waits, if it is still kept. BullMQ's own script would tell too, at four times the cost. */
const FIND_WAITING = `
local id = redis.call('GET', KEYS[1])
if id and redis.call('EXISTS', KEYS[2] .. id) == 1 then return id end
return false`

/**
 * @param retentionDays How long finished jobs are kept.
 * @param telemetry `null`: nothing is traced.
 */
export function createJobQueue(redis: Redis, store: JobStore, retentionDays: number, telemetry: Telemetry | null): JobQueue {
  const queues = new Map<string, Queue>()
  const age = retentionDays * 86_400

  function open(name: string): Queue {
    const known = queues.get(name)
    if (known) return known
    const queue = new Queue(name, {
      connection: redis,
      prefix: KEY_PREFIX,
      skipVersionCheck: true,
      ...(telemetry ? { telemetry: telemetry.bullmq } : {}),
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: {
        attempts: 1,
        removeOnComplete: { age, count: RETAINED_JOBS.succeeded },
        removeOnFail: { age, count: RETAINED_JOBS.failed },
      },
    })
    // Errors reach the caller through the rejected command.
    queue.on('error', () => undefined)
    queues.set(name, queue)
    return queue
  }

  async function addTo(name: string, data: JobData, jobId: string): Promise<string> {
    const waiting = (await redis.eval(FIND_WAITING, 2, waitingKey(name, data.action), jobKey(name, ''))) as string | null
    if (waiting !== null) return waiting
    const added = await open(name).add(data.action, data, { jobId, deduplication: { id: data.action } })
    return added.id ?? jobId
  }

  return {
    open,
    async add(data, idempotencyKey) {
      // A command to a connection that is not ready would wait for it.
      if (redis.status !== 'ready') throw queueUnavailable()
      const name = queueName(data.host, data.stack)
      const ownId = randomUUIDv7()
      if (idempotencyKey === undefined) {
        const jobId = await addTo(name, data, ownId)
        store.remember(jobId, name)
        return queuedJob(jobId, data, jobId !== ownId)
      }
      const key = `${KEY_PREFIX}:idempotency:${hash(data.caller, name, data.action, idempotencyKey)}`
      const promised = await redis.set(key, ownId, 'EX', KEY_LIFETIME, 'NX', 'GET')
      const first = promised === null ? null : await store.read(promised)
      if (first) return first.job
      // The one who came first may have died before its job was added: the same id makes the same job.
      const jobId = await addTo(name, data, promised ?? ownId)
      store.remember(jobId, name)
      if (jobId !== (promised ?? ownId)) await redis.set(key, jobId, 'EX', KEY_LIFETIME)
      return queuedJob(jobId, data, jobId !== ownId)
    },
    async close() {
      await Promise.allSettled([...queues.values()].map((queue) => queue.close()))
    },
  }
}

function hash(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
