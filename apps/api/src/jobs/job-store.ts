import type { Redis } from 'ioredis'
import { expectKey } from '@deployer/shared/expect'
import type { Job, JobState } from '@deployer/shared/job'
import { jobKey, KEY_PREFIX, parseQueueName, QUEUES_KEY } from '@deployer/shared/queue'
import { queuedAt } from '@deployer/shared/queued-job'
import { runKey } from '@deployer/shared/run-record'
import { toJob } from './to-job.ts'

/** Reads jobs. */
export interface JobStore {
  /** `null` when there is no such job, or it is no longer kept. */
  read(jobId: string): Promise<FoundJob | null>
  /** Jobs whose queues are known, in their order; `null` in the place of one that is no longer kept. */
  readAll(places: { id: string; queue: string }[]): Promise<(FoundJob | null)[]>
  /** The newest jobs of some queues, the newest first. */
  list(queues: string[], states: JobState[] | null, limit: number): Promise<Job[]>
  /** Remembers where a job is, so that it need not be looked for. */
  remember(jobId: string, queue: string): void
  /** How much waits and runs in each queue, and since when the oldest of it (milliseconds since the epoch). */
  depths(): Promise<QueueDepth[]>
  /** Every queue there is or was. */
  queues(): Promise<string[]>
}

/** A job, and BullMQ's count of its ends. */
export interface FoundJob {
  job: Job
  round: number
}

/** What a stack still has to do. */
export interface QueueDepth {
  stack: string
  host: string
  waiting: number
  active: number
  oldestAt: number | null
}

/** A process remembers the queues of this many jobs. */
const REMEMBERED = 20_000
/** The sets of BullMQ in which jobs of a state can be. A job that was canceled while it waited stays until a worker comes to it. */
const SETS: Record<JobState, string[]> = {
  queued: ['wait'],
  running: ['active', 'wait'],
  succeeded: ['completed', 'active'],
  failed: ['failed', 'active'],
  canceled: ['failed', 'wait', 'active'],
}

type Hash = Record<string, string>

export function createJobStore(redis: Redis): JobStore {
  const known = new Map<string, string>()

  function remember(jobId: string, queue: string): void {
    known.set(jobId, queue)
    if (known.size > REMEMBERED) known.delete(known.keys().next().value ?? '')
  }

  const queues = () => redis.smembers(QUEUES_KEY)

  /** A job's id does not tell its queue; one round trip asks all of them. */
  async function find(jobId: string): Promise<string | null> {
    const names = await queues()
    const pipeline = redis.pipeline()
    for (const name of names) pipeline.exists(jobKey(name, jobId))
    const answers = (await pipeline.exec()) ?? []
    for (const [error] of answers) if (error) throw error
    const at = answers.findIndex(([, exists]) => exists === 1)
    return names[at] ?? null
  }

  async function readAll(places: { id: string; queue: string }[]): Promise<(FoundJob | null)[]> {
    const pipeline = redis.pipeline()
    for (const { id, queue } of places) pipeline.hgetall(jobKey(queue, id)).hgetall(runKey(id)).hgetall(expectKey(id))
    const answers = (await pipeline.exec()) ?? []
    return places.map(({ id }, index) => {
      const [error] = answers[3 * index] ?? []
      if (error) throw error
      const [queued = {}, run = {}, expect = {}] = answers.slice(3 * index, 3 * index + 3).map(([, hash]) => (hash ?? {}) as Hash)
      if (!queued['data']) return null
      const job = toJob(id, queued, run, expect)
      return job && { job, round: Number(queued['atm'] ?? 0) }
    })
  }

  return {
    remember,
    queues,
    readAll,
    async read(jobId) {
      const remembered = known.get(jobId)
      const queue = remembered ?? (await find(jobId))
      if (queue === null) return null
      const [found] = await readAll([{ id: jobId, queue }])
      if (found) remember(jobId, queue)
      else known.delete(jobId)
      // It may have moved, with a host that was given another name.
      return found ?? (remembered === undefined ? null : this.read(jobId))
    },
    async depths() {
      const names = await queues()
      const pipeline = redis.pipeline()
      // The longest that waits is at the end of BullMQ's list.
      for (const name of names) {
        const key = `${KEY_PREFIX}:${name}`
        pipeline.llen(`${key}:wait`).lindex(`${key}:wait`, -1).lrange(`${key}:active`, 0, -1)
      }
      const answers = (await pipeline.exec()) ?? []
      return names.flatMap((name, index) => {
        const queue = parseQueueName(name)
        if (!queue) return []
        const [waiting, first, active] = answers.slice(3 * index, 3 * index + 3).map(([, answer]) => answer) as [
          number,
          string | null,
          string[],
        ]
        const times = [...active, ...(first === null ? [] : [first])].map((id) => Date.parse(queuedAt(id)))
        return [{ ...queue, waiting, active: active.length, oldestAt: times.length > 0 ? Math.min(...times) : null }]
      })
    },
    async list(names, states, limit) {
      const sets = [...new Set((states ?? (Object.keys(SETS) as JobState[])).flatMap((state) => SETS[state]))]
      const pipeline = redis.pipeline()
      for (const name of names) {
        for (const set of sets) {
          const key = `${KEY_PREFIX}:${name}:${set}`
          if (set === 'wait' || set === 'active') pipeline.lrange(key, 0, -1)
          else pipeline.zrevrange(key, 0, limit - 1)
        }
      }
      const answers = (await pipeline.exec()) ?? []
      const places = answers.flatMap(([error, ids], index) => {
        if (error) throw error
        return (ids as string[]).map((id) => ({ id, queue: names[Math.floor(index / sets.length)] ?? '' }))
      })
      // Ids begin with the time at which they were made.
      places.sort((a, b) => (a.id < b.id ? 1 : -1))
      const jobs: Job[] = []
      for (let at = 0; at < places.length && jobs.length < limit; at += limit) {
        for (const found of await readAll(places.slice(at, at + limit))) {
          if (found && (!states || states.includes(found.job.state))) jobs.push(found.job)
        }
      }
      return jobs.slice(0, limit)
    },
  }
}
