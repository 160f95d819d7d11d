import { randomUUIDv7 } from 'node:crypto'
import type { Redis } from 'ioredis'
import { emptyReport, type RunReport } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import { beginRun, saveReport } from '@deployer/shared/run-record'

/** Writes a run of a job from its start to its end, as a worker does. What is not said is that of a deploy that changed nothing. @returns The job's id. */
export async function writeRun(connection: Redis, data: Partial<JobData>, end: Partial<RunReport>): Promise<string> {
  const job: JobData = { stack: 'media', host: 'nas', action: 'deploy', source: 'request', caller: 'ci', ...data }
  const jobId = randomUUIDv7()
  const { fence } = await beginRun(connection, jobId, job, 0)
  const now = new Date().toISOString()
  const report: RunReport = {
    ...emptyReport(now),
    state: 'succeeded',
    finished_at: now,
    ...end,
  }
  await saveReport(connection, fence, job, report, 60)
  return jobId
}
