import type { Logger } from '@deployer/shared/logger'
import { limitKey } from './gates/client-address.ts'

/** Refusals of one address that are told one by one, and addresses that are told apart, in a period (milliseconds). */
const SAMPLES = 5
const ADDRESSES = 20
const PERIOD = 60_000

/** Under this name stand those who come after so many addresses. */
const OTHERS = 'others'

/** A request that was turned away, as the log tells of it. */
export interface Refusal {
  client: string
  code: string
  [field: string]: unknown
}

/**
 * Tells the log of requests that are turned away: of each address the first few in a minute, and at its end how many more there were. So
 * nobody who sends what is refused rolls the log over, and the first thing that he did stands in it.
 */
export interface RefusalLog {
  tell(refusal: Refusal): void
  /** Tells what has not been told yet. */
  stop(): void
}

export function createRefusalLog(logger: Logger): RefusalLog {
  /** By address: how many were told, and what was not, by code. */
  const tallies = new Map<string, { told: number; untold: Map<string, number> }>()

  function sum(): void {
    for (const [client, { untold }] of tallies) {
      if (untold.size === 0) continue
      const count = [...untold.values()].reduce((all, one) => all + one, 0)
      logger.warn({ event: 'requests_refused', client, count, codes: Object.fromEntries(untold) }, 'more requests were refused')
    }
    tallies.clear()
  }

  const timer = setInterval(sum, PERIOD)
  return {
    tell(refusal) {
      const address = limitKey(refusal.client)
      const key = tallies.has(address) || tallies.size < ADDRESSES ? address : OTHERS
      const tally = tallies.get(key) ?? { told: key === OTHERS ? SAMPLES : 0, untold: new Map<string, number>() }
      tallies.set(key, tally)
      if (tally.told < SAMPLES) {
        tally.told++
        logger.info({ event: 'request_refused', ...refusal }, 'request refused')
      } else tally.untold.set(refusal.code, (tally.untold.get(refusal.code) ?? 0) + 1)
    },
    stop() {
      clearInterval(timer)
      sum()
    },
  }
}
