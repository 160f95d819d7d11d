import type { ChainableCommander } from 'ioredis'
import { emptyReport, type RunReport } from '@deployer/shared/job'
import { type JobData, storedJobData } from '@deployer/shared/job-data'
import { jobKey, KEY_PREFIX, QUEUES_KEY, queueName } from '@deployer/shared/queue'
import { runKey } from '@deployer/shared/run-record'

/** The id of a job that was made at some time: a UUID of version 7. @param number Tells jobs of the same millisecond apart. */
export function jobIdAt(time: number, number: number): string {
  const hex = time.toString(16).padStart(12, '0')
  const tail = number.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${tail}`
}

/** Writes a job that has ended, as BullMQ and a worker leave it: for tests of what callers see of a long history. @returns Its id. */
export function writeEndedJob(
  steps: ChainableCommander,
  number: number,
  data: JobData,
  { finished, ...end }: Partial<RunReport> & { finished: number },
): string {
  const queue = queueName(data.host, data.stack)
  const id = jobIdAt(finished - 20_000, number)
  const report: RunReport = {
    ...emptyReport(new Date(finished - 18_000).toISOString()),
    state: 'succeeded',
    finished_at: new Date(finished).toISOString(),
    ...end,
  }
  const failed = report.state !== 'succeeded'
  steps.sadd(QUEUES_KEY, queue)
  steps.hset(jobKey(queue, id), {
    name: data.action,
    data: JSON.stringify(storedJobData(data)),
    timestamp: finished - 20_000,
    processedOn: finished - 18_000,
    finishedOn: finished,
    atm: 1,
    ats: 1,
    opts: '{}',
    ...(failed ? { failedReason: report.message ?? report.state } : { returnvalue: 'null' }),
  })
  steps.zadd(`${KEY_PREFIX}:${queue}:${failed ? 'failed' : 'completed'}`, finished, id)
  steps.hset(runKey(id), { round: '0', attempt: '1', phase: 'applying', report: JSON.stringify(report) })
  return id
}
