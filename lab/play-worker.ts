import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { emptyReport, type RunReport } from '@deployer/shared/job'
import { JobData } from '@deployer/shared/job-data'
import { KEY_PREFIX, queueName } from '@deployer/shared/queue'
import { beginRun, saveReport } from '@deployer/shared/run-record'

/** The jobs that a played worker has taken, with what they carry. */
interface PlayedWorker {
  taken: ({ job_id: string; expect: Record<string, string> } & JobData)[]
  close(): Promise<void>
}

const RETENTION = 86_400

/**
 * Takes the jobs of a stack as a worker does and ends each as it is told: for tests of what callers see, whatever can come of a job.
 *
 * @param end How a job ends: what it does not say is that of a success which changed nothing.
 */
export function playWorker(url: string, host: string, stack: string, end: (data: JobData) => Partial<RunReport>): PlayedWorker {
  const connection = new Redis(url, { maxRetriesPerRequest: null })
  const taken: PlayedWorker['taken'] = []
  const worker = new Worker(
    queueName(host, stack),
    async ({ id: jobId = '', data: unparsed, attemptsMade }) => {
      const data = JobData.parse(unparsed)
      const { fence, expect } = await beginRun(connection, jobId, data, attemptsMade)
      taken.push({ job_id: jobId, expect, ...data })
      const report: RunReport = { ...success(), expect, ...end(data) }
      await saveReport(connection, fence, data, report, RETENTION)
      if (report.state !== 'succeeded') throw new Error(report.message ?? report.state)
    },
    { connection, prefix: KEY_PREFIX },
  )
  // What a job ends with is its report.
  worker.on('error', () => undefined)
  return {
    taken,
    async close() {
      await worker.close(true)
      connection.disconnect()
    },
  }
}

/** The report of a job that changed nothing. */
function success(): RunReport {
  const now = new Date().toISOString()
  return { ...emptyReport(now), state: 'succeeded', finished_at: now }
}
