import { Hono, type Context } from 'hono'
import type { Redis } from 'ioredis'
import { queueName } from '@deployer/shared/queue'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { proxyPrefix } from '../gates/proxy-prefix.ts'
import { hasEnded } from '../jobs/to-job.ts'
import { Problem, queueUnavailable } from '../problem.ts'
import { readReleases } from '../read-releases.ts'
import type { ApiContext } from '../routes/context.ts'
import { streamJob } from '../routes/events.ts'
import { readJob } from '../routes/jobs.ts'
import { actionRoutes } from './actions.ts'
import { askCancel, askDeploy, askHold, askRelease, askRetry, askRollback, askSkip } from './ask-page.ts'
import { assetRoutes } from './assets.ts'
import { readWatched } from '../read-watched.ts'
import { placeOf } from './data/place-of.ts'
import { createRecentJobs, summaryOf } from './data/recent-jobs.ts'
import { readCurrent, readRows } from './data/stack-rows.ts'
import { jobPage } from './job-page.ts'
import { createPageGate, type PageGate } from './page-gate.ts'
import { createPageNews } from './page-news.ts'
import { createPageToken } from './page-token.ts'
import { stackPage } from './stack-page.ts'
import { filterRows, PAGE_SIZE, StackFilter, stacksPage } from './stacks-page.ts'
import { createView } from './view.ts'

/** Jobs that a stack's page lists. */
const JOBS = 20

/**
 * The pages for operators, for whoever has the password.
 *
 * @param subscriber A connection that is subscribed to what is told of jobs and hosts.
 */
export function createPages(api: ApiContext, subscriber: Redis, gate: PageGate): Hono<AppEnv> {
  const { redis, inventory, store } = api
  const token = createPageToken(gate.login)
  const viewOf = (c: Context<AppEnv>) => createView(c, 'caller' in c.var ? gate.login.user : null, token.now())
  const recent = createRecentJobs(redis, store)
  const news = createPageNews(subscriber, api.held)
  const isOnline = (host: string) => inventory.hosts().some(({ name, online }) => name === host && online)

  /** Reads what a page shows, or says that it cannot be read. */
  async function read<T>(c: Context<AppEnv>, work: () => Promise<T>): Promise<T> {
    if (redis.status !== 'ready') throw queueUnavailable(undefined, 'Redis cannot be reached, so nothing can be shown: try again.')
    return beforeDeadline(c, work())
  }
  const watchedOf = async ({ host, stack }: { host: string; stack: string }) => (await readWatched(redis, [host]))(host, stack)

  const app = new Hono<AppEnv>()
  for (const path of ['/ui', '/ui/*']) app.use(path, ...createPageGate(gate, viewOf))
  app.route('/', assetRoutes())
  app.get('/', gate.limits.open, (c) => c.redirect(`${proxyPrefix(c)}/ui`))
  app.get('/ui/', (c) => c.redirect(`${proxyPrefix(c)}/ui`))
  app.get('/ui', async (c) => {
    const filter = StackFilter.parse(c.req.query())
    const { rows, fitting, page } = await read(c, async () => {
      const rows = await readRows(api, recent)
      const fitting = filterRows(rows, filter)
      const shown = fitting.slice(filter.from, filter.from + PAGE_SIZE)
      const releases = await readCurrent(api, shown)
      return { rows, fitting, page: shown.map((row, index) => ({ row, release: releases[index] ?? null })) }
    })
    const hosts = inventory.hosts().sort((a, b) => (a.name < b.name ? -1 : 1))
    return c.html(stacksPage(viewOf(c), hosts, rows, filter, fitting, page))
  })
  app.get('/ui/events', (c) => news(c))
  app.get('/ui/stacks/:host/:stack', async (c) => {
    const { host, stack: name } = await placeOf(c, api)
    const [stack] = (await inventory.find(name)).filter((one) => one.host === host)
    if (!stack) throw new Problem('stack_not_found', 'It was there a moment ago.')
    const [watched, releases, jobs] = await read(c, () =>
      Promise.all([watchedOf({ host, stack: name }), readReleases(redis, host, name), store.list([queueName(host, name)], null, JOBS)]),
    )
    const lastSeen = inventory.hosts().find((one) => one.name === host)?.lastSeen ?? null
    const known = {
      stack,
      lastSeen,
      watched,
      releases,
      jobs: jobs.map(summaryOf),
    }
    return c.html(stackPage(viewOf(c), known))
  })
  app.get('/ui/stacks/:host/:stack/deploy', async (c) => {
    const place = await placeOf(c, api)
    return c.html(askDeploy(viewOf(c), place, (await read(c, () => watchedOf(place))).hold))
  })
  app.get('/ui/stacks/:host/:stack/rollback', async (c) => {
    const place = await placeOf(c, api)
    const releases = await read(c, () => readReleases(redis, place.host, place.stack))
    const target = releases.find(({ number }) => String(number) === c.req.query('to'))
    if (!target) throw new Problem('release_not_found', 'This release is not kept any more.')
    return c.html(askRollback(viewOf(c), place, target, releases.find(({ current }) => current) ?? null))
  })
  app.get('/ui/stacks/:host/:stack/hold', async (c) => c.html(askHold(viewOf(c), await placeOf(c, api))))
  app.get('/ui/stacks/:host/:stack/release-hold', async (c) => {
    const place = await placeOf(c, api)
    return c.html(askRelease(viewOf(c), place, (await read(c, () => watchedOf(place))).hold))
  })
  app.get('/ui/stacks/:host/:stack/skip', async (c) => {
    const place = await placeOf(c, api)
    const { updates } = await read(c, () => watchedOf(place))
    const update = updates.find(({ service }) => service === c.req.query('service'))
    if (!update?.available) throw new Problem('invalid_request', 'Nothing newer is known for this service.')
    return c.html(askSkip(viewOf(c), place, update.service, update.available))
  })
  app.get('/ui/jobs/:id', async (c) => {
    const { job } = await readJob(c, api, 'read')
    return c.html(jobPage(viewOf(c), job, isOnline(job.host)))
  })
  app.get('/ui/jobs/:id/events', async (c) => streamJob(c, api, (await readJob(c, api, 'read')).job))
  app.get('/ui/jobs/:id/cancel', async (c) => {
    const { job } = await readJob(c, api, 'cancel')
    if (hasEnded(job)) throw new Problem('not_cancelable', `The job has ended: ${job.state}.`)
    return c.html(askCancel(viewOf(c), job))
  })
  app.get('/ui/jobs/:id/retry', async (c) => c.html(askRetry(viewOf(c), (await readJob(c, api, 'read')).job)))
  app.route('/', actionRoutes(api, gate.login.user, token, viewOf))
  return app
}
