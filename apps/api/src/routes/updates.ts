import { Hono } from 'hono'
import { z } from 'zod'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { Problem, queueUnavailable } from '../problem.ts'
import { readWatched } from '../read-watched.ts'
import type { ApiContext } from './context.ts'
import { startJob } from './deploy.ts'
import { findHost, oneHost } from './find-host.ts'
import { readJson } from './read-json.ts'
import { HostBody, HostQuery } from './stacks.ts'
import { skipDigest } from '../write-holds.ts'
import { parseInput } from './wait-query.ts'

/** The body of a request that leaves an image out. */
export const SkipBody = HostBody.extend({
  service: z.string('service is the name of a service').min(1, 'service is the name of a service').max(256),
})

/** Asks the registries for new images now, and leaves one out. */
export function updateRoutes(api: ApiContext) {
  const proven = api.authenticate(() => null)
  return new Hono<AppEnv>()
    .post('/stacks/:stack/check', proven, async (c) => {
      const { host } = parseInput(HostBody, readJson(c))
      return startJob(c, api, { action: 'check', stack: c.req.param('stack'), host })
    })
    .post('/stacks/:stack/skip', proven, async (c) => {
      const { service, host: inBody } = parseInput(SkipBody, readJson(c))
      const stack = c.req.param('stack')
      const host = await findHost(c, api, 'check', stack, oneHost(parseInput(HostQuery, c.req.query()).host, inBody))
      if (api.redis.status !== 'ready') throw queueUnavailable()
      const { updates } = (await beforeDeadline(c, readWatched(api.redis, [host])))(host, stack)
      const update = updates.find((one) => one.service === service)
      const known = api.inventory.stacks().find((one) => one.host === host && one.name === stack)
      if (!update && !known?.services.includes(service)) {
        throw new Problem('service_not_found', `"${stack}" has no service "${service}". GET /stacks lists those it has.`)
      }
      if (!update?.available || update.available === update.running) {
        throw new Problem('no_update', `No newer image of "${service}" is known that could be left out. POST /stacks/${stack}/check looks.`)
      }
      const { image, available: digest } = update
      await beforeDeadline(c, skipDigest(api.redis, host, stack, service, digest))
      const who = { caller: c.get('caller').key, client: c.get('clientAddress'), request_id: c.get('requestId') }
      api.logger.info({ event: 'update_skipped', stack, host, service, image, digest, ...who }, 'an image is left out')
      return c.json({ stack, host, service, image, digest })
    })
}
