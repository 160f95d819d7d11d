import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { HonoAdapter } from '@bull-board/hono'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono, type Context } from 'hono'
import { auth } from 'hono/utils/basic-auth'
import { createMiddleware } from 'hono/factory'
import { secureHeaders } from 'hono/secure-headers'
import type { Logger } from '@deployer/shared/logger'
import { parseQueueName, queueName } from '@deployer/shared/queue'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { isSameSecret } from '../gates/bearer-token.ts'
import type { Limits } from '../gates/limits.ts'
import type { LoginBudget } from '../gates/login-budget.ts'
import type { JobQueue } from '../jobs/job-queue.ts'
import type { JobStore } from '../jobs/job-store.ts'
import { hasEnded } from '../jobs/to-job.ts'
import { Problem } from '../problem.ts'

const PATH = '/dashboard'
/** The only change that Bull Board may ask for: it could also raise a queue's concurrency, which keeps deploys apart, or empty it. */
const RETRY = `${PATH}/api/queues/:queue/:id/retry`
const IS_RETRY = /^\/dashboard\/api\/queues\/[^/]+\/[^/]+\/retry$/

/**
 * Bull Board, to read and to ask again, for whoever has the password.
 *
 * @param logins Counts wrong passwords.
 */
export function createDashboard(
  login: { user: string; password: string },
  open: Limits['open'],
  logins: LoginBudget,
  queue: JobQueue,
  store: JobStore,
  logger: Logger,
): Hono<AppEnv> {
  const adapter = new HonoAdapter(serveStatic)
  adapter.setBasePath(PATH)
  const board = createBullBoard({ queues: [], serverAdapter: adapter, options: { uiConfig: { boardTitle: 'Deployer' } } })

  /** Shows the queues that there are now; they come and go with the stacks. */
  async function refreshQueues(): Promise<void> {
    const names = (await store.queues()).filter((name) => parseQueueName(name) !== null).sort()
    board.setQueues(
      names.map((name) => new BullMQAdapter(queue.open(name), { allowRetries: true, description: parseQueueName(name)?.host ?? '' })),
    )
  }

  const onlyRetries = createMiddleware<AppEnv>(async (c, next) => {
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
      const allowed = c.req.method === 'PUT' && IS_RETRY.test(c.req.path)
      if (!allowed || isCrossSite(c)) throw new Problem('forbidden', 'The dashboard reads and retries, from its own page; nothing else.')
    }
    if (c.req.path.startsWith(`${PATH}/api/`)) await refreshQueues()
    await next()
  })
  /** Asks again for what an ended job was about: a new job, in the place of Bull Board's own retry, which would write over the ended one. */
  async function retry(c: Context<AppEnv>): Promise<Response> {
    const id = c.req.param('id') ?? ''
    const job = (await beforeDeadline(c, store.read(id)))?.job
    if (!job || queueName(job.host, job.stack) !== c.req.param('queue')) {
      throw new Problem('job_not_found', 'No job of this queue has this id, or it is no longer kept.')
    }
    if (!hasEnded(job)) throw new Problem('invalid_request', `The job has not ended: it is ${job.state}.`)
    const { stack, host, action, to, expect } = job
    const caller = `dashboard:${login.user}`.slice(0, 256)
    const data = { stack, host, action, ...(to === null ? {} : { to }), source: 'retry' as const, caller }
    const { job_id, coalesced } = await beforeDeadline(c, queue.add(data, undefined, expect))
    const fields = { event: 'dashboard_retry', stack, host, action, retried: id, job_id, coalesced, caller, client: c.get('clientAddress') }
    logger.info(fields, 'retry from the dashboard')
    // What Bull Board's own retry answers.
    return c.body(null, 204)
  }

  const headers = secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'self'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      frameAncestors: ["'none'"],
      baseUri: ["'self'"],
      formAction: ["'none'"],
    },
  })
  const challenge = { 'WWW-Authenticate': 'Basic realm="Deployer"' }
  const checkLogin = createMiddleware<AppEnv>(async (c, next) => {
    const given = auth(c.req.raw)
    if (!given) throw new Problem('login_missing', 'Log in with DASHBOARD_USER and DASHBOARD_PASSWORD.', challenge)
    const address = c.get('clientAddress')
    logins.check(address)
    // Both are compared, whatever the first comparison says.
    const matches = [isSameSecret(given.username, login.user), isSameSecret(given.password, login.password)]
    if (!matches.every(Boolean)) {
      await logins.count(address)
      throw new Problem('login_invalid', 'User or password are not those of DASHBOARD_USER and DASHBOARD_PASSWORD.', challenge)
    }
    return next()
  })
  const app = new Hono<AppEnv>()
  for (const path of [PATH, `${PATH}/*`]) app.use(path, open, headers, checkLogin, onlyRetries, adaptPage)
  app.put(RETRY, retry)
  // Where the page's own links lead; relative, since a proxy may have put a prefix before it.
  app.get(`${PATH}/`, (c) => c.redirect('../dashboard'))
  app.route(PATH, adapter.registerPlugin())
  return app
}

/** A prefix that a proxy takes away from the path. */
const PREFIX = /^(\/[A-Za-z0-9._~-]+)+$/

/** Lets the page find its own parts under a proxy's prefix, and ask nobody else for fonts. */
const adaptPage = createMiddleware<AppEnv>(async (c, next) => {
  await next()
  if (!c.res.headers.get('Content-Type')?.startsWith('text/html')) return
  const prefix = c.req.header('X-Forwarded-Prefix')?.replace(/\/$/, '') ?? ''
  const page = (await c.res.text())
    .replace(/<link href="https:[^>]*>/, '')
    .replace(`<base href="${PATH}/"`, `<base href="${PREFIX.test(prefix) ? prefix : ''}${PATH}/"`)
  c.res = c.html(page)
})

/** Whether a browser sends this from another site's page: with the login, since browsers add it by themselves. */
function isCrossSite(c: Context<AppEnv>): boolean {
  const site = c.req.header('Sec-Fetch-Site')
  if (site !== undefined) return site !== 'same-origin'
  const origin = c.req.header('Origin')
  return origin !== undefined && URL.parse(origin)?.host !== c.req.header('Host')
}
