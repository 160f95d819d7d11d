import type { Context } from 'hono'
import type { Job } from '@deployer/shared/job'
import type { AppEnv } from '../app-env.ts'
import type { Place } from '../gates/held-answers.ts'
import type { ApiContext } from './context.ts'

/**
 * A place for an answer that waits for a job's end.
 *
 * @throws {Problem} `too_many_held`.
 */
export function holdWait(c: Context<AppEnv>, { held }: ApiContext): Place {
  return held.hold('wait', c.get('caller'), c.env.outgoing)
}

/**
 * Waits for a job's end, as long as the caller wishes, its key holds and WAIT_TIMEOUT allows.
 *
 * @param timeout Seconds.
 * @returns The job as it is then; as it was, where Redis cannot tell. Never rejects.
 */
export function waitForEnd({ hub, waitTimeout }: ApiContext, place: Place, job: Job, timeout = waitTimeout): Promise<Job> {
  return hub.waitForEnd(job.job_id, Math.min(timeout, waitTimeout) * 1000, place).then(
    (now) => now ?? job,
    () => job,
  )
}
