import { Hono, type Context } from 'hono'
import { z } from 'zod'
import { Expect } from '@deployer/shared/expect'
import type { Job } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import { holdAnswer, jsonAnswer, sendAnswer, type Answer } from '../answer.ts'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { hookEvent } from '../gates/code-host-hook.ts'
import { hasEnded } from '../jobs/to-job.ts'
import { Problem, problemAnswer, PROBLEMS, queueUnavailable } from '../problem.ts'
import { readReleases } from '../read-releases.ts'
import type { ApiContext } from './context.ts'
import { authorize } from './authorize.ts'
import { findHost, oneHost, unknownStack } from './find-host.ts'
import { readJson } from './read-json.ts'
import { isWorthADeploy } from './hook-event.ts'
import { holdWait, waitForEnd } from './wait-for-end.ts'
import { parseInput, WaitQuery } from './wait-query.ts'

/** The body of a deploy request. Other members are allowed, and ignored: GitHub sends its whole event. */
export const DeployBody = z.looseObject({
  stack: z.string('stack is the name of a stack').optional(),
  host: z.string('host is the name of a host').optional(),
  expect: Expect.optional().describe('Digests that the images of services must have after `pull`, or the job ends `wrong_image`.'),
})

export const DeployQuery = WaitQuery.extend({
  host: z.string().max(128).optional(),
  key: z.string().max(128).optional().describe("The scoped key whose secret a code host's hook is signed with."),
})

/** Starts deploys. */
export function deployRoutes(api: ApiContext) {
  return new Hono<AppEnv>()
    .post(
      '/deploy',
      api.authenticate(() => 'deploy'),
      async (c) => {
        const body = parseInput(DeployBody, readJson(c))
        if (body.stack === undefined) throw new Problem('invalid_request', 'The body names no stack: send {"stack": "<name>"}.')
        return startJob(c, api, { action: 'deploy', stack: body.stack, host: body.host, expect: body.expect })
      },
    )
    .post(
      '/deploy/:stack',
      api.authenticate((c) => c.req.param('stack') ?? '', true),
      async (c) => {
        const body = parseInput(DeployBody, readJson(c))
        const stack = c.req.param('stack')
        if (body.stack !== undefined && body.stack !== stack) {
          throw new Problem('stack_mismatch', `The path names the stack "${stack}", the body another one. Name it once.`)
        }
        const event = hookEvent(c)
        if (event !== null && !isWorthADeploy(event, body, c.get('caller').refs)) {
          authorize(c, 'deploy', stack, unknownStack)
          return c.json({ ok: true, ignored: event })
        }
        return startJob(c, api, { action: 'deploy', stack, host: body.host, expect: body.expect })
      },
    )
}

/** What a caller asks for. */
interface Wish extends Pick<JobData, 'action' | 'stack'> {
  /** Where several hosts have the stack. */
  host?: string | undefined
  /** Of a rollback: the number of the release. */
  to?: number | undefined
  expect?: Expect | undefined
}

/** Queues a job for a stack and answers at once or when it ends, as the caller wishes. */
export async function startJob(c: Context<AppEnv>, api: ApiContext, { action, stack, to, ...wish }: Wish): Promise<Response> {
  const query = parseInput(DeployQuery, c.req.query())
  const idempotencyKey = c.req.header('Idempotency-Key') ?? c.req.header('X-GitHub-Delivery')
  if (idempotencyKey !== undefined && (idempotencyKey === '' || idempotencyKey.length > 255)) {
    throw new Problem('invalid_request', 'Idempotency-Key must have 1 to 255 characters.')
  }
  const host = await findHost(c, api, action === 'plan' ? 'read' : action, stack, oneHost(query.host, wish.host))
  if (to !== undefined) await mustBeKept(c, api, host, stack, to)
  // Before anything is accepted: one too many is told so, and may come again.
  const place = (query.wait ?? api.defaultWait) ? holdWait(c, api) : null
  const caller = c.get('caller').key
  const data: JobData = { stack, host, action, ...(to === undefined ? {} : { to }), source: 'request', caller }
  const job = await queueJob(c, api, data, idempotencyKey, wish.expect)
  if (!place) return sendAnswer(c, accepted(job))
  const ended = waitForEnd(api, place, job, query.timeout)
  return holdAnswer(
    c,
    ended.then((now) =>
      hasEnded(now) ? endedAnswer({ ...now, coalesced: job.coalesced }) : accepted({ ...now, coalesced: job.coalesced }),
    ),
  )
}

/** Queues a job, whoever asks for it and however, and tells the log. */
export async function queueJob(
  c: Context<AppEnv>,
  api: ApiContext,
  data: JobData,
  idempotencyKey: string | undefined,
  expect?: Expect,
): Promise<Job> {
  const { action, stack, host, caller } = data
  const job = await api.trace(c.req.header('traceparent'), `${action} request`, { stack, host, caller }, () =>
    beforeDeadline(c, api.queue.add(data, idempotencyKey, expect)),
  )
  const { job_id, coalesced } = job
  api.logger.info(
    { event: 'job_queued', action, stack, host, job_id, coalesced, caller, client: c.get('clientAddress'), request_id: c.get('requestId') },
    'job queued',
  )
  return job
}

/** @throws {Problem} `release_not_found` for a release that the stack's host does not keep. */
export async function mustBeKept(c: Context<AppEnv>, api: ApiContext, host: string, stack: string, number: number): Promise<void> {
  if (api.redis.status !== 'ready') throw queueUnavailable()
  const releases = await beforeDeadline(c, readReleases(api.redis, host, stack))
  if (releases.some((release) => release.number === number)) return
  throw new Problem('release_not_found', `"${stack}" has no release ${number}. GET /stacks/${stack}/releases lists those that are kept.`)
}

/** The job in the body, and its outcome as the status. */
function endedAnswer(job: Job): Answer {
  const headers = { Location: job.status_url }
  if (job.ok || job.code === null) return jsonAnswer(200, job, headers)
  return problemAnswer(new Problem(job.code, job.message ?? PROBLEMS[job.code][1], headers, { ...job }))
}

function accepted(job: Job): Answer {
  return jsonAnswer(202, job, { Location: job.status_url, 'Retry-After': '2' })
}
