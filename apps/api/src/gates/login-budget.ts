import type { Redis } from 'ioredis'
import { Problem } from '../problem.ts'
import { limitKey } from './client-address.ts'
import { createLimit } from './limit.ts'

/** Wrong passwords that anybody may give in ten minutes. */
const MOST = 30
const WINDOW = 600

/**
 * Wrong passwords by address. Who has given too many is shut out, with the right one too: unlike a secret's signature, a password may be
 * short enough to be guessed.
 */
export interface LoginBudget {
  /** @throws {Problem} `rate_limited` for an address that has spent its budget. */
  check(address: string): void
  /** Counts a wrong one. */
  count(address: string): Promise<void>
}

/** @param limited Whether anything is limited here. */
export function createLoginBudget(redis: Redis, limited: boolean): LoginBudget {
  const limit = createLimit(redis, 'logins', limited ? MOST : 0, WINDOW)
  const blocked = new Map<string, number>()
  /** Wrong ones that are being counted, by address: of those that come at the same time no more are looked at than may be wrong. */
  const beingCounted = new Map<string, number>()

  function changeBeingCounted(key: string, by: 1 | -1): void {
    const now = (beingCounted.get(key) ?? 0) + by
    if (now > 0) beingCounted.set(key, now)
    else beingCounted.delete(key)
  }

  return {
    check(address) {
      const key = limitKey(address)
      const isBurst = (beingCounted.get(key) ?? 0) >= MOST
      const seconds = isBurst ? 1 : Math.ceil(((blocked.get(key) ?? 0) - Date.now()) / 1000)
      if (seconds <= 0) return
      throw new Problem('rate_limited', `Too many wrong passwords from this address. Try again in ${seconds} s.`, {
        'Retry-After': String(seconds),
      })
    },
    async count(address) {
      if (!limit) return
      const key = limitKey(address)
      changeBeingCounted(key, 1)
      const state = await limit.consume(key).finally(() => changeBeingCounted(key, -1))
      if (state.allowed) return
      for (const [other, until] of blocked) if (until < Date.now()) blocked.delete(other)
      blocked.set(key, Date.now() + state.reset * 1000)
    },
  }
}
