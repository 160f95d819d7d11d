import { createMiddleware } from 'hono/factory'
import type { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { KEY_PREFIX } from '@deployer/shared/queue'
import type { AppEnv } from '../app-env.ts'
import { within } from '../before-deadline.ts'
import { Problem } from '../problem.ts'
import { limitKey, type ClientAddress } from './client-address.ts'

/** Milliseconds that the shared count may take; after that this process counts alone. */
const PATIENCE = 500

/**
 * The first gate: so many requests a minute from one address, counted in Redis for all API processes together, and by this
 * process alone while Redis is away.
 *
 * @param writes Requests a minute that are not GETs; 0 for no limit.
 * @param reads GETs a minute; 0 for no limit.
 */
export function createRateLimit(redis: Redis, clientAddress: ClientAddress, writes: number, reads: number) {
  const limits = { writes: createLimit(redis, 'writes', writes), reads: createLimit(redis, 'reads', reads) }
  return createMiddleware<AppEnv>(async (c, next) => {
    const address = clientAddress(c.env.incoming)
    c.set('clientAddress', address)
    const limit = limits[c.req.method === 'GET' || c.req.method === 'HEAD' ? 'reads' : 'writes']
    if (limit) {
      const { count, allowed } = await limit.consume(limitKey(address))
      const headers = limitHeaders(limit.perMinute, count)
      if (!allowed) {
        const seconds = String(Math.max(1, Math.ceil(count.msBeforeNext / 1000)))
        throw new Problem('rate_limited', `More than ${limit.perMinute} requests in a minute. Try again in ${seconds} s.`, {
          ...headers,
          'Retry-After': seconds,
        })
      }
      for (const [name, value] of Object.entries(headers)) c.env.outgoing.setHeader(name, value)
    }
    return next()
  })
}

function createLimit(redis: Redis, name: string, perMinute: number) {
  if (perMinute === 0) return null
  const common = { points: perMinute, duration: 60 }
  const alone = new RateLimiterMemory(common)
  const shared = new RateLimiterRedis({
    ...common,
    storeClient: redis,
    keyPrefix: `${KEY_PREFIX}:limit:${name}`,
    rejectIfRedisNotReady: true,
  })
  return {
    perMinute,
    async consume(key: string): Promise<{ count: RateLimiterRes; allowed: boolean }> {
      try {
        return { count: await within(PATIENCE, shared.consume(key)), allowed: true }
      } catch (rejection) {
        if (rejection instanceof RateLimiterRes) return { count: rejection, allowed: false }
      }
      try {
        return { count: await alone.consume(key), allowed: true }
      } catch (rejection) {
        if (rejection instanceof RateLimiterRes) return { count: rejection, allowed: false }
        throw rejection
      }
    },
  }
}

/** The fields of the RateLimit header drafts in the form that most clients read. */
function limitHeaders(perMinute: number, count: RateLimiterRes): Record<string, string> {
  return {
    'RateLimit-Policy': `${perMinute};w=60`,
    'RateLimit-Limit': String(perMinute),
    'RateLimit-Remaining': String(Math.max(0, count.remainingPoints)),
    'RateLimit-Reset': String(Math.ceil(count.msBeforeNext / 1000)),
  }
}
