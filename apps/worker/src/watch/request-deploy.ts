import { Queue } from 'bullmq'
import { randomUUIDv7 } from 'node:crypto'
import type { Redis } from 'ioredis'
import { JobData, storedJobData } from '@deployer/shared/job-data'
import { deduplicationId, queueName } from '@deployer/shared/queue'
import { jobOptions, QUEUE_OPTIONS } from '@deployer/shared/retention'

/**
 * Asks for an ordinary deploy of some services of a stack. Where a deploy waits already, that will see everything; where the same one runs, nothing
 * is left to ask for.
 *
 * @param only Digests by service.
 * @returns The id of a job that was added; `null` where none was.
 */
export async function requestDeploy(
  redis: Redis,
  host: string,
  stack: string,
  only: Record<string, string>,
  retention: number,
): Promise<string | null> {
  const data: JobData = { stack, host, action: 'deploy', only, source: 'watch', caller: 'watch' }
  const queue = new Queue(queueName(host, stack), { connection: redis, ...QUEUE_OPTIONS, defaultJobOptions: jobOptions(retention) })
  try {
    const running = (await queue.getJobs(['active'])).map((job) => JobData.safeParse(job.data).data?.only ?? {})
    if (running.some((one) => Object.entries(only).every(([service, digest]) => one[service] === digest))) return null
    const jobId = randomUUIDv7()
    const { id } = await queue.add(data.action, storedJobData(data), { jobId, deduplication: { id: deduplicationId(data) } })
    return id === jobId ? jobId : null
  } finally {
    await queue.close()
  }
}
