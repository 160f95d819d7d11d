import { Queue } from 'bullmq'
import { createHash, randomUUIDv7 } from 'node:crypto'
import type { Redis } from 'ioredis'
import { type Expect, expectKey } from '@deployer/shared/expect'
import type { Job } from '@deployer/shared/job'
import { type Asker, type JobData, storedJobData, wholeKey } from '@deployer/shared/job-data'
import { deduplicationId, jobKey, KEY_PREFIX, queueName, QUEUES_KEY, waitingKey } from '@deployer/shared/queue'
import { queuedJob } from '@deployer/shared/queued-job'
import { jobOptions, QUEUE_OPTIONS } from '@deployer/shared/retention'
import { UNENDED_LIFETIME } from '@deployer/shared/run-record'
import type { Telemetry } from '@deployer/shared/telemetry'
import { queueUnavailable } from '../problem.ts'
import type { JobStore } from './job-store.ts'

/** Puts jobs into the queues of the stacks. */
export interface JobQueue {
  /**
   * Queues a job, or joins the one that waits already.
   *
   * @param idempotencyKey The same key of the same caller, stack and action gets the same job for a day, as long as that is kept.
   * @param expect Digests that are added to what the job expects, before it begins.
   * @throws {Problem} `queue_unavailable`, with nothing accepted.
   */
  add(data: JobData, idempotencyKey: string | undefined, expect?: Expect): Promise<Job>
  /** The queue of that name, as BullMQ has it. */
  open(name: string): Queue
  close(): Promise<void>
}

/** A request's job, and what it expects so far. */
interface Added {
  jobId: string
  expect: Expect
}

/** Seconds that an idempotency key counts. */
const KEY_LIFETIME = 86_400
/** Before the id in an idempotency key whose job has not been added yet, as far as is known. */
const PROMISED = '?'
/** Gives an idempotency key free, unless somebody else was faster. */
const FORGET = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`

/**
 * The id of the job that waits, if it is still kept, and what it expects, this request's digests included. In one step with the look,
 * since a worker that begins the job reads them in one step with ending its wait. BullMQ's own script would tell the id too, at four times the cost.
 * A job for some services alone, which watching or a hook has asked for, is from here on one for all of them, or for those that another hook names too,
 * and this request's: in what is stored of it, and in a mark for a worker that has read that already.
 */
const JOIN_WAITING = `
local id = redis.call('GET', KEYS[1])
if not id then return false end
if redis.call('EXISTS', KEYS[2] .. id) == 0 then
  redis.call('DEL', KEYS[1])
  return false
end
local job = cjson.decode(redis.call('HGET', KEYS[2] .. id, 'data') or '{}')
if job.only then
  local asker = cjson.decode(ARGV[2])
  if asker.only then
    for service, image in pairs(asker.only) do job.only[service] = image end
    asker.only = job.only
  end
  job.only, job.source, job.caller = asker.only, asker.source, asker.caller
  redis.call('HSET', KEYS[2] .. id, 'data', cjson.encode(job))
  redis.call('SET', KEYS[4] .. id, cjson.encode(asker), 'EX', ARGV[1])
end
local expected = KEYS[3] .. id
for i = 3, #ARGV, 2 do redis.call('HSET', expected, ARGV[i], ARGV[i + 1]) end
if #ARGV > 2 then redis.call('EXPIRE', expected, ARGV[1]) end
return {id, redis.call('HGETALL', expected)}`

/**
 * @param queueRedis BullMQ's own connection.
 * @param retention Seconds that a job can be read after its end.
 * @param telemetry `null`: nothing is traced.
 */
export function createJobQueue(redis: Redis, queueRedis: Redis, store: JobStore, retention: number, telemetry: Telemetry | null): JobQueue {
  const queues = new Map<string, Queue>()

  function open(name: string): Queue {
    const known = queues.get(name)
    if (known) return known
    const queue = new Queue(name, {
      connection: queueRedis,
      ...QUEUE_OPTIONS,
      ...(telemetry ? { telemetry: telemetry.bullmq } : {}),
      defaultJobOptions: jobOptions(retention),
    })
    // Errors reach the caller through the rejected command.
    queue.on('error', () => undefined)
    queues.set(name, queue)
    return queue
  }

  /** Joins the job that waits, if one does. */
  async function join(name: string, data: JobData, expect: Expect): Promise<Added | null> {
    const keys = [waitingKey(data), jobKey(name, ''), expectKey(''), wholeKey('')]
    const asker = JSON.stringify({ source: data.source, caller: data.caller, only: data.only } satisfies Asker)
    const joined = await redis.eval(JOIN_WAITING, keys.length, ...keys, UNENDED_LIFETIME, asker, ...Object.entries(expect).flat())
    if (joined === null) return null
    const [jobId, expected] = joined as [string, string[]]
    return { jobId, expect: Object.fromEntries(pairs(expected)) }
  }

  async function addTo(name: string, data: JobData, jobId: string, expect: Expect): Promise<Added> {
    for (;;) {
      const joined = await join(name, data, expect)
      if (joined) return joined
      // Before the job is there: a worker may begin it at once.
      if (Object.keys(expect).length > 0)
        await redis.multi().hset(expectKey(jobId), expect).expire(expectKey(jobId), UNENDED_LIFETIME).exec()
      // The worker has done so when it found the stack; but Redis may have come back empty since, and a job is looked for in these queues alone.
      const [{ id = jobId }] = await Promise.all([
        open(name).add(data.action, storedJobData(data), { jobId, deduplication: { id: deduplicationId(data) } }),
        redis.sadd(QUEUES_KEY, name),
      ])
      if (id === jobId) return { jobId, expect }
      // Somebody else was faster. Either that job still waits, and is joined, or it has begun, and this request needs one of its own.
    }
  }

  return {
    open,
    async add(data, idempotencyKey, expect = {}) {
      // A command to a connection that is not ready would wait for it.
      if (redis.status !== 'ready' || queueRedis.status !== 'ready') throw queueUnavailable()
      const name = queueName(data.host, data.stack)
      const ownId = randomUUIDv7()
      const answer = (added: Added) => {
        store.remember(added.jobId, name)
        return { ...queuedJob(added.jobId, data, added.jobId !== ownId), expect: added.expect }
      }
      if (idempotencyKey === undefined) return answer(await addTo(name, data, ownId, expect))
      const key = `${KEY_PREFIX}:idempotency:${hash(data.caller, name, deduplicationId(data), idempotencyKey)}`
      for (;;) {
        const claim = await redis.set(key, PROMISED + ownId, 'EX', KEY_LIFETIME, 'NX', 'GET')
        const id = claim === null ? ownId : claim.replace(PROMISED, '')
        const first = claim === null ? null : await store.read(id)
        if (first) return first.job
        if (claim === null || claim.startsWith(PROMISED)) {
          // The one who came first may be about to add its job, or have died: the same id makes the same job.
          const added = await addTo(name, data, id, expect)
          await redis.set(key, added.jobId, 'EX', KEY_LIFETIME)
          return answer(added)
        }
        // That job is no longer kept, and its id has had its run. Of those who find this out together one makes the next.
        await redis.eval(FORGET, 1, key, claim)
      }
    },
    async close() {
      await Promise.allSettled([...queues.values()].map((queue) => queue.close()))
    },
  }
}

/** The fields of a hash as Redis's scripts give them: names and values, alternating. */
function pairs(fields: string[]): [string, string][] {
  return fields.flatMap((field, at) => (at % 2 === 0 ? [[field, fields[at + 1] ?? '']] : []))
}

function hash(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
