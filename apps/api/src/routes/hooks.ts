import { Hono, type Context } from 'hono'
import { queueName } from '@deployer/shared/queue'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { matchServices } from '../hooks/match-services.ts'
import { readHints } from '../hooks/read-hints.ts'
import { queueUnavailable } from '../problem.ts'
import type { ApiContext } from './context.ts'
import { readJson } from './read-json.ts'

/** Takes what registries say as hints: what may be new is looked at now, once for each stack, and nothing of the payload goes further. */
export function hookRoutes(api: ApiContext) {
  async function take(c: Context<AppEnv>): Promise<Response> {
    const hook = c.get('hook')
    const hints = readHints(hook.from, readJson(c))
    // Without Redis it is not known what stacks there are: most senders come again.
    if (api.redis.status !== 'ready') throw queueUnavailable()
    const matches = matchServices(hints, api.inventory.stacks(), hook.images)
    const caller = c.get('caller').key
    const byStack = Map.groupBy(matches, ({ host, stack }) => queueName(host, stack))
    const checks = [...byStack.values()].flatMap(([first, ...more]) => {
      if (!first) return []
      const only = Object.fromEntries([first, ...more].map(({ service, image }) => [service, image]))
      return api.queue.add({ stack: first.stack, host: first.host, action: 'check', only, source: 'hook', caller }, undefined)
    })
    const who = { caller, client: c.get('clientAddress'), request_id: c.get('requestId') }
    for (const { job_id, stack, host, coalesced } of await beforeDeadline(c, Promise.all(checks))) {
      api.logger.info({ event: 'job_queued', action: 'check', stack, host, job_id, coalesced, ...who }, 'job queued')
    }
    return c.json({ matched: [...new Set(matches.map(({ stack, service }) => `${stack}/${service}`))].sort() }, 202)
  }
  return new Hono<AppEnv>().post('/hooks/:id', api.authenticateHook, take).post('/hooks/:id/:token', api.authenticateHook, take)
}
