import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { HonoAdapter } from '@bull-board/hono'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono, type Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { secureHeaders } from 'hono/secure-headers'
import type { Logger } from '@deployer/shared/logger'
import { parseQueueName, queueName } from '@deployer/shared/queue'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { createCheckLogin, type Login } from '../gates/check-login.ts'
import type { Limits } from '../gates/limits.ts'
import type { LoginBudget } from '../gates/login-budget.ts'
import { proxyPrefix } from '../gates/proxy-prefix.ts'
import { originOf } from '../gates/same-origin.ts'
import { askAgain } from '../jobs/ask-again.ts'
import type { JobQueue } from '../jobs/job-queue.ts'
import type { JobStore } from '../jobs/job-store.ts'
import { Problem } from '../problem.ts'

const PATH = '/dashboard'
/** The only change that may be asked for here, which is none: a new job. */
const RETRY = `${PATH}/api/queues/:queue/:id/retry`
const IS_RETRY = /^\/dashboard\/api\/queues\/[^/]+\/[^/]+\/retry$/
/** Between host and queue in Bull Board's own names of queues, which it groups by them. */
const GROUPED_BY = ': '

/**
 * Bull Board, to read, for whoever has the password. What can be done about a job stands on the job's own page, which each job here leads to.
 *
 * @param logins Counts wrong passwords.
 */
export function createDashboard(
  login: Login,
  open: Limits['open'],
  logins: LoginBudget,
  queue: JobQueue,
  store: JobStore,
  logger: Logger,
): Hono<AppEnv> {
  const adapter = new HonoAdapter(serveStatic)
  adapter.setBasePath(PATH)
  const uiConfig = {
    boardTitle: 'Deployer',
    showWorkers: false,
    hideDocsLink: true,
    overview: { groupByDelimiter: true },
    miscLinks: [{ text: 'Stacks', url: '../ui' }],
  }
  const board = createBullBoard({ queues: [], serverAdapter: adapter, options: { uiConfig } })

  /** Shows the queues that there are now; they come and go with the stacks. */
  async function refreshQueues(): Promise<void> {
    const queues = (await store.queues()).flatMap((name) => {
      const place = parseQueueName(name)
      return place ? [{ name, ...place }] : []
    })
    queues.sort((a, b) => (a.host === b.host ? (a.stack < b.stack ? -1 : 1) : a.host < b.host ? -1 : 1))
    board.replaceQueues(
      queues.map(
        ({ name, host }) =>
          new BullMQAdapter(queue.open(name), {
            readOnlyMode: true,
            prefix: `${host}${GROUPED_BY}`,
            delimiter: GROUPED_BY,
            // Relative to the page's base, since a proxy may have put a prefix before the paths.
            externalJobUrl: ({ id }) => ({ href: `../ui/jobs/${id}` }),
          }),
      ),
    )
  }

  const onlyRetries = createMiddleware<AppEnv>(async (c, next) => {
    const isApi = c.req.path.startsWith(`${PATH}/api/`)
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
      if (!isApi) throw new Problem('method_not_allowed', 'This path has GET, HEAD.', { Allow: 'GET, HEAD' })
      const allowed = c.req.method === 'PUT' && IS_RETRY.test(c.req.path) && originOf(c) !== 'other'
      if (!allowed) throw new Problem('forbidden', 'The dashboard reads and retries, from its own page; nothing else.')
    }
    if (isApi) await beforeDeadline(c, refreshQueues())
    await next()
  })
  /** A new job, in the place of Bull Board's own retry, which would write over the ended one. */
  async function retry(c: Context<AppEnv>): Promise<Response> {
    const id = c.req.param('id') ?? ''
    const job = (await beforeDeadline(c, store.read(id)))?.job
    const asked = (c.req.param('queue') ?? '').split(GROUPED_BY).at(-1)
    if (!job || queueName(job.host, job.stack) !== asked) {
      throw new Problem('job_not_found', 'No job of this queue has this id, or it is no longer kept.')
    }
    const data = askAgain(job, `dashboard:${login.user}`.slice(0, 256))
    const { stack, host, action, caller } = data
    const { job_id, coalesced } = await beforeDeadline(c, queue.add(data, undefined, job.expect))
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
  const checkLogin = createCheckLogin(login, logins)
  const loggedIn = createMiddleware<AppEnv>(async (c, next) => {
    await checkLogin(c)
    return next()
  })
  const app = new Hono<AppEnv>()
  for (const path of [PATH, `${PATH}/*`]) app.use(path, open, headers, loggedIn, onlyRetries, adaptPage)
  app.put(RETRY, retry)
  // Where the page's own links lead; relative, since a proxy may have put a prefix before it.
  app.get(`${PATH}/`, (c) => c.redirect('../dashboard'))
  app.route(PATH, adapter.registerPlugin())
  return app
}

/** Lets the page find its own parts under a proxy's prefix, and ask nobody else for fonts. */
const adaptPage = createMiddleware<AppEnv>(async (c, next) => {
  await next()
  if (!c.res.headers.get('Content-Type')?.startsWith('text/html')) return
  const page = (await c.res.text())
    .replace(/<link href="https:[^>]*>/, '')
    .replace(`<base href="${PATH}/"`, `<base href="${proxyPrefix(c)}${PATH}/"`)
  c.res = c.html(page)
})
