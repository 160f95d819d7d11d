import type { Context } from 'hono'
import type { Job } from '@deployer/shared/job'
import type { AppEnv } from '../app-env.ts'
import { OWNER } from '../keys/caller.ts'
import type { ApiContext } from './context.ts'

/**
 * Waits for a job's end, as long as the caller wishes, its key is good and WAIT_TIMEOUT allows; not at all where too many wait.
 *
 * @param timeout Seconds.
 * @returns The job as it is then; as it was, where Redis cannot tell. Never rejects.
 */
export function waitForEnd(c: Context<AppEnv>, { hub, held, waitTimeout }: ApiContext, job: Job, timeout = waitTimeout): Promise<Job> {
  const caller = c.get('caller')
  const left = caller.expires === undefined ? Infinity : Math.max((caller.expires - Date.now()) / 1000, 0)
  const seconds = Math.min(timeout, waitTimeout, left)
  try {
    held.hold('wait', caller === OWNER ? null : caller.key, c.env.outgoing)
  } catch {
    // Its job is there; it can be asked for.
    return Promise.resolve(job)
  }
  return hub.waitForEnd(job.job_id, seconds * 1000, c.env.outgoing).then(
    (now) => now ?? job,
    () => job,
  )
}
