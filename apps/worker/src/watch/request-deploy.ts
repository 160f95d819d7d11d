import { Queue, type Job } from 'bullmq'
import { randomUUIDv7 } from 'node:crypto'
import type { Redis } from 'ioredis'
import { JobData, storedJobData } from '@deployer/shared/job-data'
import { deduplicationId, queueName } from '@deployer/shared/queue'
import { jobOptions, QUEUE_OPTIONS } from '@deployer/shared/retention'

/** `covered`: a job that waits or runs is about all of this; `later`: one waits that is about other images. Otherwise the id of the job that was added. */
type Asked = 'covered' | 'later' | { jobId: string }

/**
 * Asks for an ordinary deploy of some services of a stack. A request's deploy that waits already will see everything; where the same one waits or
 * runs, nothing is left to ask for.
 *
 * @param only Digests by service.
 * @param replaces Digests of what runs of these services.
 */
export async function requestDeploy(
  redis: Redis,
  host: string,
  stack: string,
  only: Record<string, string>,
  replaces: Record<string, string[]>,
  retention: number,
): Promise<Asked> {
  const data: JobData = { stack, host, action: 'deploy', only, replaces, source: 'watch', caller: 'watch' }
  const queue = new Queue(queueName(host, stack), { connection: redis, ...QUEUE_OPTIONS, defaultJobOptions: jobOptions(retention) })
  try {
    const covers = (one: Record<string, string>) => Object.entries(only).every(([service, digest]) => one[service] === digest)
    const onlyOf = (job: Pick<Job, 'data'> | undefined) => JobData.safeParse(job?.data).data?.only
    if ((await queue.getJobs(['active'])).some((job) => covers(onlyOf(job) ?? {}))) return 'covered'
    const jobId = randomUUIDv7()
    const { id } = await queue.add(data.action, storedJobData(data), { jobId, deduplication: { id: deduplicationId(data) } })
    if (id === jobId) return { jobId }
    const waiting = onlyOf(await queue.getJob(id ?? ''))
    return waiting === undefined || covers(waiting) ? 'covered' : 'later'
  } finally {
    await queue.close()
  }
}
