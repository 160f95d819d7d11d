import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Redis } from 'ioredis'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../problem.ts'
import { limitKey } from './client-address.ts'
import { createLimit, type Limit } from './limit.ts'

/** Seconds in which failures are counted. */
const WINDOW = 600
/** Failures that anybody may have in that time: a wrong secret in a CI that tries again is no attack. */
const FEWEST = 30

/** The limits of requests. Each of these counts one, and throws the problem `rate_limited` when it is one too many. */
export interface Limits {
  /** A request that proves nothing: by its address. */
  stranger(c: Context<AppEnv>): Promise<void>
  /**
   * A request that has failed to prove who sends it: by its address, also in a slow budget of its own. It slows nobody who proves it.
   */
  failure(c: Context<AppEnv>): Promise<void>
  /** A request of a known caller: by key, address and stack, so that neither strangers nor other stacks count. */
  caller(c: Context<AppEnv>, key: string, stack: string): Promise<void>
  /** The gate of routes that ask for no proof. */
  open: ReturnType<typeof createMiddleware<AppEnv>>
}

/**
 * @param writes Requests a minute that are not GETs; 0 for no limit. Three minutes' worth of them may fail in ten.
 * @param reads GETs a minute; 0 for no limit.
 */
export function createLimits(redis: Redis, writes: number, reads: number): Limits {
  const strangers = { writes: createLimit(redis, 'writes', writes, 60), reads: createLimit(redis, 'reads', reads, 60) }
  const callers = { writes: createLimit(redis, 'key-writes', writes, 60), reads: createLimit(redis, 'key-reads', reads, 60) }
  const failures = createLimit(redis, 'failures', writes === 0 ? 0 : Math.max(FEWEST, 3 * writes), WINDOW)
  const kind = (c: Context<AppEnv>) => (c.req.method === 'GET' || c.req.method === 'HEAD' ? 'reads' : 'writes')

  async function stranger(c: Context<AppEnv>): Promise<void> {
    if (c.get('countedAsStranger')) return
    c.set('countedAsStranger', true)
    const refused = (seconds: number) => `Too many requests from this address in a minute. Try again in ${seconds} s.`
    await count(c, strangers[kind(c)], limitKey(c.get('clientAddress')), refused)
  }

  return {
    stranger,
    async failure(c) {
      await stranger(c)
      const refused = (seconds: number) =>
        `Too many requests from this address were not signed, or wrongly. Mend the secret: one that is signed rightly passes; others in ${seconds} s.`
      await count(c, failures, limitKey(c.get('clientAddress')), refused)
    },
    async caller(c, key, stack) {
      const address = limitKey(c.get('clientAddress'))
      if (c.get('countedAsStranger')) strangers[kind(c)]?.giveBack(address)
      const refused = (seconds: number) =>
        `Too many requests${stack ? ` for the stack "${stack}"` : ''} with this key from this address in a minute. Try again in ${seconds} s.`
      await count(c, callers[kind(c)], `${key} ${address} ${stack}`, refused)
    },
    open: createMiddleware<AppEnv>(async (c, next) => {
      await stranger(c)
      return next()
    }),
  }
}

/** Counts one, and sets the answer's headers to how the limit stands then. */
async function count(c: Context<AppEnv>, limit: Limit | null, key: string, refused: (seconds: number) => string): Promise<void> {
  if (!limit) return
  const { allowed, reset, headers } = await limit.consume(key)
  if (!allowed) throw new Problem('rate_limited', refused(reset), { ...headers, 'Retry-After': String(reset) })
  for (const [name, value] of Object.entries(headers)) c.env.outgoing.setHeader(name, value)
}
