import { Hono, type Context } from 'hono'
import { z } from 'zod'
import type { Job } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import { requestCancel } from '@deployer/shared/run-record'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { askAgain } from '../jobs/ask-again.ts'
import { hasEnded } from '../jobs/to-job.ts'
import { Problem, queueUnavailable } from '../problem.ts'
import type { ApiContext } from '../routes/context.ts'
import { mustBeKept, queueJob } from '../routes/deploy.ts'
import { readJob } from '../routes/jobs.ts'
import { parseInput } from '../routes/wait-query.ts'
import { UNTILS } from './ask-page.ts'
import { readWatched } from '../read-watched.ts'
import { placeOf } from './data/place-of.ts'
import { holdStack, releaseStack, skipDigest } from '../write-holds.ts'
import { readForm } from './page-gate.ts'
import type { PageToken } from './page-token.ts'
import { jobAt } from './parts/link.ts'
import { stackAt, type View } from './view.ts'

const HoldForm = z.object({
  reason: z.string().trim().min(1, 'A hold has a reason').max(500, 'A reason has at most 500 characters'),
  until: z.enum(UNTILS),
})
const RollbackForm = z.object({ to: z.coerce.number().int().positive() })
const SkipForm = z.object({ service: z.string(), digest: z.string() })
const PlanForm = z.object({ stack: z.string() })

/** What the forms of the pages do. Each shows the job that it makes, or its stack. */
export function actionRoutes(api: ApiContext, user: string, token: PageToken, viewOf: (c: Context<AppEnv>) => View) {
  type C = Context<AppEnv>

  /** Tells the log who did what, and leads to where it is seen. */
  function done(c: C, action: string, about: { stack: string; host: string }, to: string, more: Record<string, unknown> = {}): Response {
    const fields = { event: 'ui_action', user, action, stack: about.stack, host: about.host, ...more }
    api.logger.info({ ...fields, client: c.get('clientAddress'), request_id: c.get('requestId') }, 'asked for on a page')
    return c.redirect(to, 303)
  }

  /** Queues a job, and leads to its page. */
  async function queue(c: C, data: JobData, action: string = data.action, expect: Job['expect'] = {}): Promise<Response> {
    const { job_id, coalesced } = await queueJob(c, api, data, undefined, expect)
    return done(c, action, data, jobAt(viewOf(c), job_id), { job_id, coalesced })
  }

  const wish = (c: C, place: { host: string; stack: string }, action: JobData['action'], to?: number): JobData => ({
    ...place,
    action,
    ...(to === undefined ? {} : { to }),
    source: 'request',
    caller: c.get('caller').key,
  })

  /** A form about the stack that the path names. */
  const stackForm = (work: (c: C, place: { host: string; stack: string }, fields: Record<string, string>) => Promise<Response>) => {
    return async (c: C) => {
      const fields = Object.fromEntries(await readForm(c, token))
      const place = await placeOf(c, api)
      if (api.redis.status !== 'ready') throw queueUnavailable()
      return work(c, place, fields)
    }
  }

  const at = '/ui/stacks/:host/:stack'
  return new Hono<AppEnv>()
    .post('/ui/plan', async (c) => {
      const { stack } = parseInput(PlanForm, Object.fromEntries(await readForm(c, token)))
      const [host = '', name = ''] = stack.split('/')
      return queue(c, wish(c, await placeOf(c, api, { host, stack: name }), 'plan'))
    })
    .post(
      `${at}/plan`,
      stackForm((c, place) => queue(c, wish(c, place, 'plan'))),
    )
    .post(
      `${at}/check`,
      stackForm((c, place) => queue(c, wish(c, place, 'check'))),
    )
    .post(
      `${at}/deploy`,
      stackForm((c, place) => queue(c, wish(c, place, 'deploy'))),
    )
    .post(
      `${at}/rollback`,
      stackForm(async (c, place, fields) => {
        const { to } = parseInput(RollbackForm, fields)
        await mustBeKept(c, api, place.host, place.stack, to)
        return queue(c, wish(c, place, 'rollback', to))
      }),
    )
    .post(
      `${at}/hold`,
      stackForm(async (c, place, fields) => {
        const { reason, until: chosen } = parseInput(HoldForm, fields)
        const since = new Date()
        const until = chosen === 'never' ? null : new Date(since.getTime() + Number.parseInt(chosen, 10) * 3_600_000).toISOString()
        const hold = { reason, until, by: c.get('caller').key, since: since.toISOString() }
        await beforeDeadline(c, holdStack(api, place.host, place.stack, hold))
        return done(c, 'hold', place, stackAt(viewOf(c), place), { reason, until })
      }),
    )
    .post(
      `${at}/release-hold`,
      stackForm(async (c, place) => {
        const { was_held } = await beforeDeadline(c, releaseStack(api, place.host, place.stack))
        return done(c, 'release_hold', place, stackAt(viewOf(c), place), { was_held })
      }),
    )
    .post(
      `${at}/skip`,
      stackForm(async (c, { host, stack }, fields) => {
        const { service, digest } = parseInput(SkipForm, fields)
        const watched = await beforeDeadline(c, readWatched(api.redis, [host]))
        const update = watched(host, stack).updates.find((one) => one.service === service)
        if (update?.available !== digest) {
          throw new Problem('invalid_request', `What is available for "${service}" is another image by now: look at the stack again.`)
        }
        await beforeDeadline(c, skipDigest(api.redis, host, stack, service, digest))
        return done(c, 'skip', { host, stack }, stackAt(viewOf(c), { host, stack }), { service, digest })
      }),
    )
    .post('/ui/jobs/:id/cancel', async (c) => {
      await readForm(c, token)
      const { job, round } = await readJob(c, api, 'cancel')
      if (hasEnded(job)) throw new Problem('not_cancelable', `The job has ended: ${job.state}.`)
      const phase = await beforeDeadline(c, requestCancel(api.redis, job, round))
      if (phase === 'applying') throw new Problem('not_cancelable', 'The job has begun to change containers.')
      return done(c, 'cancel', job, jobAt(viewOf(c), job.job_id), { job_id: job.job_id, phase })
    })
    .post('/ui/jobs/:id/retry', async (c) => {
      await readForm(c, token)
      const { job } = await readJob(c, api, 'read')
      return queue(c, askAgain(job, c.get('caller').key), 'retry', job.expect)
    })
}
