import type { Job } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import { Problem } from '../problem.ts'
import { hasEnded } from './to-job.ts'

/**
 * What asks again for what an ended job was about: for a new job, which leaves the ended one as it was.
 *
 * @throws {Problem} `invalid_request` for a job that has not ended.
 */
export function askAgain(job: Job, caller: string): JobData {
  if (!hasEnded(job)) throw new Problem('invalid_request', `The job has not ended: it is ${job.state}.`)
  const { stack, host, action, to } = job
  return { stack, host, action, ...(to === null ? {} : { to }), source: 'retry', caller }
}
