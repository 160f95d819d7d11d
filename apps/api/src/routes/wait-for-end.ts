import type { Context } from 'hono'
import type { Job } from '@deployer/shared/job'
import type { AppEnv } from '../app-env.ts'
import type { ApiContext } from './context.ts'

/**
 * Waits for a job's end, as long as the caller wishes and WAIT_TIMEOUT allows.
 *
 * @param timeout Seconds.
 * @returns The job as it is then; as it was, where Redis cannot tell. Never rejects.
 */
export function waitForEnd(c: Context<AppEnv>, { hub, waitTimeout }: ApiContext, job: Job, timeout = waitTimeout): Promise<Job> {
  const seconds = Math.min(timeout, waitTimeout)
  return hub.waitForEnd(job.job_id, seconds * 1000, c.env.outgoing).then(
    (now) => now ?? job,
    () => job,
  )
}
