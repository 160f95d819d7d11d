import { Hono, type Context } from 'hono'
import { z } from 'zod'
import type { Job } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import { StackName } from '@deployer/shared/names'
import { holdAnswer, jsonAnswer, sendAnswer, type Answer } from '../answer.ts'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { hookEvent } from '../gates/code-host-hook.ts'
import { hasEnded } from '../jobs/to-job.ts'
import { Problem, problemAnswer, PROBLEMS, queueUnavailable } from '../problem.ts'
import { authorize } from './authorize.ts'
import type { ApiContext } from './context.ts'
import { isWorthADeploy } from './hook-event.ts'
import { waitForEnd } from './wait-for-end.ts'
import { parseInput, WaitQuery } from './wait-query.ts'

/** The body of a deploy request. Other members are allowed, and ignored: GitHub sends its whole event. */
export const DeployBody = z.looseObject({
  stack: z.string('stack is the name of a stack').optional(),
  host: z.string('host is the name of a host').optional(),
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
        return startJob(c, api, 'deploy', body.stack, body.host)
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
        return startJob(c, api, 'deploy', stack, body.host)
      },
    )
}

/** Queues a job for a stack and answers at once or when it ends, as the caller wishes. */
export async function startJob(
  c: Context<AppEnv>,
  api: ApiContext,
  action: JobData['action'],
  stack: string,
  bodyHost: string | undefined,
): Promise<Response> {
  const query = parseInput(DeployQuery, c.req.query())
  const idempotencyKey = c.req.header('Idempotency-Key') ?? c.req.header('X-GitHub-Delivery')
  if (idempotencyKey !== undefined && (idempotencyKey === '' || idempotencyKey.length > 255)) {
    throw new Problem('invalid_request', 'Idempotency-Key must have 1 to 255 characters.')
  }
  const host = await findHost(c, api, action, stack, query.host ?? bodyHost)
  const caller = c.get('caller').key
  const job = await api.trace(c.req.header('traceparent'), `${action} request`, { stack, host, caller }, () =>
    beforeDeadline(c, api.queue.add({ stack, host, action, caller }, idempotencyKey)),
  )
  const { job_id, coalesced } = job
  api.logger.info(
    { event: 'job_queued', action, stack, host, job_id, coalesced, caller, client: c.get('clientAddress'), request_id: c.get('requestId') },
    'job queued',
  )
  if (!(query.wait ?? api.defaultWait)) return sendAnswer(c, accepted(job))
  const ended = waitForEnd(c, api, job, query.timeout)
  return holdAnswer(
    c,
    ended.then((now) => (hasEnded(now) ? endedAnswer({ ...now, coalesced }) : accepted({ ...now, coalesced }))),
  )
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

/** The host that has the stack, or the one that the caller picks among several. */
async function findHost(
  c: Context<AppEnv>,
  api: ApiContext,
  action: JobData['action'],
  stack: string,
  wanted: string | undefined,
): Promise<string> {
  if (!StackName.safeParse(stack).success) throw unknownStack()
  authorize(c, action, stack, unknownStack)
  const hosts = await beforeDeadline(c, api.inventory.find(stack))
  const having = wanted === undefined ? hosts : hosts.filter(({ host }) => host === wanted)
  const [only, ...more] = having
  if (!only) {
    // Without Redis it is not known what stacks there are.
    if (api.redis.status !== 'ready') throw queueUnavailable()
    throw unknownStack()
  }
  if (more.length > 0) {
    const names = having.map(({ host }) => host)
    throw new Problem('stack_ambiguous', `Several hosts have this stack: ${names.join(', ')}. Pick one with ?host=.`, {}, { hosts: names })
  }
  return only.host
}

function unknownStack(): Problem {
  return new Problem('stack_not_found', 'No host has a stack of this name. GET /stacks lists those there are.')
}

/** The body as JSON; an empty one is an empty object. */
function readJson(c: Context<AppEnv>): unknown {
  const body = c.get('body')
  if (body.byteLength === 0) return {}
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new Problem('invalid_json', 'The body must be JSON in UTF-8, or empty. For GitHub, choose the content type application/json.')
  }
}
