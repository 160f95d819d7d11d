import type { Redis } from 'ioredis'
import type { Job } from '@deployer/shared/job'
import { KEY_PREFIX } from '@deployer/shared/queue'
import type { JobStore } from '../../jobs/job-store.ts'
import { hasEnded } from '../../jobs/to-job.ts'

/** A job without what only its own page shows. */
export type JobSummary = Pick<
  Job,
  | 'job_id'
  | 'stack'
  | 'host'
  | 'action'
  | 'to'
  | 'state'
  | 'code'
  | 'rolled_back'
  | 'source'
  | 'by'
  | 'queued_at'
  | 'started_at'
  | 'finished_at'
>

/** The newest of a queue's jobs. */
export interface RecentJobs {
  /** Those that wait or run, the newest first. */
  open: JobSummary[]
  /** The newest of all. */
  last: JobSummary | null
  /** Those that have failed since the time that was asked for, the newest first. */
  failed: JobSummary[]
}

/** Ended jobs that a process remembers: nothing changes them any more. */
const REMEMBERED = 5000
/** Failed jobs of one queue that are told. */
const MOST_FAILED = 20

/** Of each queue the ids of its newest jobs, in one step: with hundreds of queues a command for each of their sets takes longer than everything else. */
const NEWEST = `
local found = {}
for i = 3, #ARGV do
  local key = ARGV[1] .. ARGV[i] .. ':'
  found[#found + 1] = {
    redis.call('LRANGE', key .. 'wait', 0, -1),
    redis.call('LRANGE', key .. 'active', 0, -1),
    redis.call('ZREVRANGE', key .. 'completed', 0, 0),
    redis.call('ZREVRANGE', key .. 'failed', 0, 0),
    redis.call('ZREVRANGEBYSCORE', key .. 'failed', '+inf', ARGV[2], 'LIMIT', 0, ${MOST_FAILED}),
  }
end
return found`

/**
 * Reads the newest jobs of many queues.
 *
 * @returns A function that takes the queues and the time since when failed jobs are told (milliseconds since the epoch), and gives what it found in
 * the order of the queues.
 */
export function createRecentJobs(redis: Redis, store: JobStore): (queues: string[], since: number) => Promise<RecentJobs[]> {
  const ended = new Map<string, JobSummary>()

  async function readAll(places: { id: string; queue: string }[]): Promise<Map<string, JobSummary>> {
    const found = new Map<string, JobSummary>()
    const unknown = places.filter(({ id }) => !ended.has(id))
    const read = unknown.length > 0 ? await store.readAll(unknown) : []
    for (const { id } of places) {
      const known = ended.get(id)
      if (known) found.set(id, known)
    }
    for (const one of read) {
      if (!one) continue
      const summary = summaryOf(one.job)
      found.set(summary.job_id, summary)
      if (hasEnded(summary)) ended.set(summary.job_id, summary)
      if (ended.size > REMEMBERED) ended.delete(ended.keys().next().value ?? '')
    }
    return found
  }

  return async (queues, since) => {
    if (queues.length === 0) return []
    const ids = (await redis.eval(NEWEST, 0, `${KEY_PREFIX}:`, since, ...queues)) as [string[], string[], string[], string[], string[]][]
    const places = ids.map(([waiting, active, completed, failed, failedSince]) => {
      const openIds = [...waiting, ...active].sort().reverse()
      // Ids begin with the time at which they were made.
      const last = [...openIds, ...completed, ...failed].sort().at(-1)
      return { open: openIds, last, failed: failedSince }
    })
    const wanted = places.flatMap(({ open, last, failed }, index) =>
      [...new Set([...open, ...(last === undefined ? [] : [last]), ...failed])].map((id) => ({ id, queue: queues[index] ?? '' })),
    )
    const jobs = await readAll(wanted)
    const found = (list: string[]) => list.flatMap((id) => jobs.get(id) ?? [])
    return places.map(({ open, last, failed }) => ({
      // One that was canceled while it waited stays there until a worker comes to it; one whose end BullMQ has not been told yet is active.
      open: found(open).filter((job) => !hasEnded(job)),
      last: found(last === undefined ? [] : [last])[0] ?? null,
      failed: found(failed).filter(({ state }) => state === 'failed'),
    }))
  }
}

/** A job without what only its own page shows. */
export function summaryOf(job: Job): JobSummary {
  const { job_id, stack, host, action, to, state, code, rolled_back, source, by, queued_at, started_at, finished_at } = job
  return { job_id, stack, host, action, to, state, code, rolled_back, source, by, queued_at, started_at, finished_at }
}
