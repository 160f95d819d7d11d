import { Hono } from 'hono'
import { CLOCKS_KEY } from '@deployer/shared/inventory'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { forgetHost } from '../jobs/forget-host.ts'
import { OWNER } from '../keys/caller.ts'
import { Problem, queueUnavailable } from '../problem.ts'
import { authorizeAnywhere } from './authorize.ts'
import type { ApiContext } from './context.ts'

/** Lists hosts, and forgets one that is away for good. */
export function hostRoutes(api: ApiContext) {
  return new Hono<AppEnv>()
    .get(
      '/hosts',
      api.authenticate(() => 'hosts'),
      async (c) => {
        authorizeAnywhere(c, 'read')
        const caller = c.get('caller')
        if (api.redis.status !== 'ready') throw queueUnavailable(undefined, 'Redis cannot be reached, so hosts cannot be read: try again.')
        const clocks = await beforeDeadline(c, api.redis.hgetall(CLOCKS_KEY))
        const hosts = api.inventory.hosts().flatMap(({ name, online, lastSeen, stacks, version, engine }) => {
          const seen = stacks.filter((stack) => caller.may('read', stack))
          if (seen.length === 0 && caller !== OWNER) return []
          const last_seen = lastSeen === null ? null : new Date(lastSeen).toISOString()
          return [{ host: name, online, last_seen, stacks: seen.sort(), version, engine, clock_ahead_ms: Number(clocks[name] ?? 0) }]
        })
        return c.json({ hosts: hosts.sort((a, b) => (a.host < b.host ? -1 : 1)) })
      },
    )
    .delete(
      '/hosts/:name',
      api.authenticate(() => null),
      async (c) => {
        if (c.get('caller') !== OWNER) throw new Problem('forbidden', 'Only the main secret forgets a host.')
        if (api.redis.status !== 'ready') throw queueUnavailable()
        await beforeDeadline(c, api.inventory.refresh())
        const name = c.req.param('name')
        const known = api.inventory.hosts().find((host) => host.name === name)
        if (!known) throw new Problem('host_not_found', 'No host has this name. GET /hosts lists those there are.')
        if (known.online) throw new Problem('host_online', `A worker of "${name}" lives, and would be there again at once: stop it first.`)
        const jobs = await forgetHost(api.redis, api.store, api.queue, name, api.retention)
        api.logger.warn(
          { event: 'host_forgotten', host: name, stacks: known.stacks.length, jobs, client: c.get('clientAddress') },
          'a host is forgotten',
        )
        return c.json({ ok: true, host: name, jobs_ended: jobs })
      },
    )
}
