import type { Clock } from '../ports.ts'

/** Something that can be waited for, though not for ever. */
export interface Bell {
  ring(): void
  /** Resolves when it has rung since the last time, or after so many milliseconds. @throws The signal's reason. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
}

export function createBell(clock: Clock): Bell {
  let rung = false
  let wake: AbortController | undefined
  return {
    ring() {
      rung = true
      wake?.abort()
    },
    async wait(milliseconds, signal) {
      signal.throwIfAborted()
      if (!rung) {
        wake = new AbortController()
        await clock.wait(milliseconds, AbortSignal.any([signal, wake.signal])).catch(() => undefined)
      }
      rung = false
      wake = undefined
      signal.throwIfAborted()
    },
  }
}
