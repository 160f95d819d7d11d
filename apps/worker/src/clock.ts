import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from './ports.ts'

/** The clock of this machine: durations by the one that nobody sets. */
export const machineClock: Clock = {
  now: () => performance.now(),
  timestamp: () => new Date().toISOString(),
  timeout: (milliseconds) => AbortSignal.timeout(milliseconds),
  async wait(milliseconds, signal) {
    signal.throwIfAborted()
    await delay(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted())
  },
}
