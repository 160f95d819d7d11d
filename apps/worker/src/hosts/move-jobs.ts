import { Queue, type Job as QueuedJob } from 'bullmq'
import type { Redis } from 'ioredis'
import { setTimeout as delay } from 'node:timers/promises'
import { RENAMED_KEY } from '@deployer/shared/inventory'
import { JobData, storedJobData } from '@deployer/shared/job-data'
import { parseQueueName, QUEUES_KEY, queueName, waitingKey } from '@deployer/shared/queue'
import { jobOptions, QUEUE_OPTIONS } from '@deployer/shared/retention'
import type { JobTools } from '../queue/run-job.ts'

/** A job whose worker has died is locked for a while; tried so often, so many milliseconds apart. */
const TRIES = 20
const PAUSE = 500

/**
 * Brings jobs that wait, or whose worker has died, from the queues of this host's former names into those of its name. They keep their ids. What
 * has ended stays, to be read. May be done again at any time, and has to be: an API can still put a job there which has not heard of the new name.
 */
export async function moveJobs(tools: Pick<JobTools, 'redis' | 'host' | 'retention' | 'logger'>): Promise<void> {
  const { redis, host, retention, logger } = tools
  const renamed = Object.entries(await redis.hgetall(RENAMED_KEY)).flatMap(([former, name]) => (name === host ? [former] : []))
  if (renamed.length === 0) return
  for (const name of await redis.smembers(QUEUES_KEY)) {
    const place = parseQueueName(name)
    if (!place || !renamed.includes(place.host)) continue
    const to = queueName(host, place.stack)
    const [from, target] = [name, to].map((queue) => new Queue(queue, { connection: redis, ...QUEUE_OPTIONS }))
    if (!from || !target) return
    try {
      const jobs = await from.getJobs(['active', 'waiting'], 0, -1, true)
      if (jobs.length > 0) await redis.sadd(QUEUES_KEY, to)
      for (const job of jobs) await move(redis, job, target, host, retention)
      if (jobs.length > 0)
        logger.info({ event: 'jobs_moved', stack: place.stack, from: place.host, jobs: jobs.length }, 'jobs of a former name go on here')
    } finally {
      await from.close()
      await target.close()
    }
  }
}

async function move(redis: Redis, job: QueuedJob, target: Queue, host: string, retention: number): Promise<void> {
  const parsed = JobData.safeParse(job.data)
  const id = job.id
  if (!parsed.success || id === undefined) return
  const data = { ...parsed.data, host }
  const waits = await job.isWaiting()
  // Not by BullMQ's deduplication: where another one waits there already, this one would be dropped.
  await target.add(job.name, storedJobData(data), { ...jobOptions(retention), jobId: id })
  if (waits) await redis.set(waitingKey(data), id, 'NX')
  for (let tries = 1; ; tries++) {
    try {
      return await job.remove()
    } catch (error) {
      if (tries === TRIES) throw error
      await delay(PAUSE)
    }
  }
}
