import { Hono, type Context } from 'hono'
import { z } from 'zod'
import { JobState } from '@deployer/shared/job'
import { JobId } from '@deployer/shared/names'
import { parseQueueName } from '@deployer/shared/queue'
import { requestCancel } from '@deployer/shared/run-record'
import { holdAnswer, jsonAnswer } from '../answer.ts'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import type { Action } from '../keys/caller.ts'
import type { FoundJob } from '../jobs/job-store.ts'
import { hasEnded } from '../jobs/to-job.ts'
import { Problem, queueUnavailable } from '../problem.ts'
import { authorize, authorizeAnywhere } from './authorize.ts'
import type { ApiContext } from './context.ts'
import { holdWait, waitForEnd } from './wait-for-end.ts'
import { parseInput, WaitQuery } from './wait-query.ts'

export const ListQuery = z.object({
  stack: z.string().max(128).optional(),
  state: JobState.optional(),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,2}$/, 'limit is a whole number from 1 to 999')
    .transform(Number)
    .default(50),
})

/** Reads, lists and cancels jobs. */
export function jobRoutes(api: ApiContext) {
  const authenticated = api.authenticate((c) => c.req.param('id') ?? '')
  return new Hono<AppEnv>()
    .get(
      '/jobs',
      api.authenticate(() => 'jobs'),
      async (c) => {
        const { stack, state, limit } = parseInput(ListQuery, c.req.query())
        const caller = c.get('caller')
        authorizeAnywhere(c, 'read')
        if (stack !== undefined && caller.sees(stack)) authorize(c, 'read', stack, () => new Problem('not_found', ''))
        const queues = (await beforeDeadline(c, api.store.queues())).filter((name) => {
          const queue = parseQueueName(name)
          return queue !== null && (stack === undefined || queue.stack === stack) && caller.may('read', queue.stack)
        })
        const jobs = await beforeDeadline(c, api.store.list(queues, state ? [state] : null, limit))
        return c.json({ jobs })
      },
    )
    .get('/jobs/:id', authenticated, async (c) => {
      const query = parseInput(WaitQuery, c.req.query())
      const { job } = await readJob(c, api, 'read')
      if (!query.wait || hasEnded(job)) return c.json(job)
      const place = holdWait(c, api)
      return holdAnswer(
        c,
        waitForEnd(api, place, job, query.timeout).then((now) => jsonAnswer(200, now)),
      )
    })
    .delete(
      '/jobs/:id',
      api.authenticate(() => null),
      async (c) => {
        const { job, round } = await readJob(c, api, 'cancel')
        const tooLate = () =>
          new Problem('not_cancelable', hasEnded(job) ? `The job has ended: ${job.state}.` : 'The job has begun to change containers.')
        if (hasEnded(job)) throw tooLate()
        const phase = await beforeDeadline(c, requestCancel(api.redis, job, round))
        const { key } = c.get('caller')
        api.logger.info(
          { event: 'job_cancel', stack: job.stack, job_id: job.job_id, phase, caller: key, client: c.get('clientAddress') },
          'cancel asked for',
        )
        if (phase === 'applying') throw tooLate()
        const now = (await readJob(c, api, 'cancel')).job
        return phase === 'canceled' ? c.json(now, 200) : c.json(now, 202, { Location: job.status_url })
      },
    )
}

/** The job that the path names, for an action that the caller's key allows on its stack. */
export async function readJob(c: Context<AppEnv>, api: ApiContext, action: Action): Promise<FoundJob> {
  const id = (c.req.param('id') ?? '').toLowerCase()
  if (api.redis.status !== 'ready') {
    throw queueUnavailable(undefined, 'Redis cannot be reached, so jobs cannot be read: try again.')
  }
  const found = JobId.safeParse(id).success ? await beforeDeadline(c, api.store.read(id)) : null
  const missing = () => new Problem('job_not_found', 'No job has this id, or it is no longer kept.')
  if (!found) throw missing()
  authorize(c, action, found.job.stack, missing)
  return found
}
