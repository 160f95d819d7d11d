import type { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { KEY_PREFIX } from '@deployer/shared/queue'
import { within } from '../before-deadline.ts'

/** Milliseconds that the shared count may take; after that this process counts alone. */
const PATIENCE = 500

/** So many in a time. */
export interface Limit {
  /** Counts one more. */
  consume(key: string): Promise<LimitState>
  /** Takes one back. */
  giveBack(key: string): void
}

/** How a limit stands for one key after a request. */
export interface LimitState {
  allowed: boolean
  /** Seconds until it begins anew, at least one. */
  reset: number
  /** The fields of the RateLimit header drafts in the form that most clients read. */
  headers: Record<string, string>
}

/**
 * A limit that is counted in Redis for all API processes together, and by this process alone while Redis is away. A key that has spent it
 * is remembered here, so that its further requests cost Redis nothing.
 *
 * @param points How many in that time; 0 for no limit.
 * @param duration Seconds.
 */
export function createLimit(redis: Redis, name: string, points: number, duration: number): Limit | null {
  if (points === 0) return null
  const common = { points, duration }
  const alone = new RateLimiterMemory(common)
  const shared = new RateLimiterRedis({
    ...common,
    storeClient: redis,
    keyPrefix: `${KEY_PREFIX}:limit:${name}`,
    rejectIfRedisNotReady: true,
    inMemoryBlockOnConsumed: points + 1,
  })
  const state = (count: RateLimiterRes, allowed: boolean): LimitState => {
    const reset = Math.max(1, Math.ceil(count.msBeforeNext / 1000))
    return {
      allowed,
      reset,
      headers: {
        'RateLimit-Policy': `${points};w=${duration}`,
        'RateLimit-Limit': String(points),
        'RateLimit-Remaining': String(Math.max(0, count.remainingPoints)),
        'RateLimit-Reset': String(reset),
      },
    }
  }
  return {
    async consume(key) {
      try {
        return state(await within(PATIENCE, shared.consume(key)), true)
      } catch (rejection) {
        if (rejection instanceof RateLimiterRes) return state(rejection, false)
      }
      try {
        return state(await alone.consume(key), true)
      } catch (rejection) {
        if (rejection instanceof RateLimiterRes) return state(rejection, false)
        throw rejection
      }
    },
    giveBack(key) {
      // With Redis away it is the other count; one that is off by one for a minute harms nobody.
      shared.reward(key).catch(() => undefined)
    },
  }
}
