import type { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { KEY_PREFIX } from '@deployer/shared/queue'
import { within } from '../before-deadline.ts'
import { Problem } from '../problem.ts'
import { limitKey } from './client-address.ts'

/** Seconds in which failures are counted, and for which an address that has too many is shut out. */
const WINDOW = 600
/** Failures that anybody may have in that time: a wrong secret in a CI that tries again is no attack. */
const FEWEST = 30
/** Milliseconds that the shared count may take. */
const PATIENCE = 500
/** Addresses that this process remembers as shut out. */
const MOST_BLOCKED = 10_000

/** The slow budget for requests that fail to prove who they are, apart from the limit of requests. */
export interface FailureBudget {
  /** @throws {Problem} `rate_limited` for an address that has spent its budget. */
  check(address: string): void
  /** Counts a failure, in Redis for all API processes together. */
  count(address: string): Promise<void>
}

/** @param writesPerMinute The limit of requests: three minutes' worth of them may fail in ten; 0 turns this off too. */
export function createFailureBudget(redis: Redis, writesPerMinute: number): FailureBudget {
  if (writesPerMinute === 0) return { check: () => undefined, count: async () => undefined }
  const common = { points: Math.max(FEWEST, 3 * writesPerMinute), duration: WINDOW }
  const alone = new RateLimiterMemory(common)
  const shared = new RateLimiterRedis({
    ...common,
    storeClient: redis,
    keyPrefix: `${KEY_PREFIX}:limit:failures`,
    rejectIfRedisNotReady: true,
    insuranceLimiter: alone,
  })
  const blocked = new Map<string, number>()
  return {
    check(address) {
      if (blocked.size === 0) return
      const key = limitKey(address)
      const until = blocked.get(key)
      if (until === undefined) return
      const seconds = Math.ceil((until - Date.now()) / 1000)
      if (seconds > 0) {
        const detail = `Too many requests from this address were not signed, or wrongly. Mend the secret and try again in ${seconds} s.`
        throw new Problem('rate_limited', detail, { 'Retry-After': String(seconds) })
      }
      blocked.delete(key)
    },
    async count(address) {
      const key = limitKey(address)
      try {
        await within(PATIENCE, shared.consume(key))
      } catch (rejection) {
        if (!(rejection instanceof RateLimiterRes)) return
        blocked.set(key, Date.now() + rejection.msBeforeNext)
        if (blocked.size > MOST_BLOCKED) blocked.delete(blocked.keys().next().value ?? '')
      }
    },
  }
}
