import type { Clock } from '../../apps/worker/src/ports.ts'

/** Time that goes on by itself as soon as nobody has anything left to do at this moment. */
export interface Time {
  /** Milliseconds. */
  now(): number
  /** @returns Takes it back. */
  in(milliseconds: number, what: () => void): () => void
  wait(milliseconds: number): Promise<void>
  /** Lets time go on until something is so. @throws When it never comes to be. */
  until(what: string, isSo: () => boolean): Promise<void>
}

/** Virtual milliseconds after which something hangs. */
const TOO_LONG = 12 * 3_600_000

export function createTime(start: number): Time {
  let now = start
  let count = 0
  let appointments: { at: number; order: number; what: () => void }[] = []
  const make = (milliseconds: number, what: () => void) => {
    const appointment = { at: now + Math.max(0, milliseconds), order: count++, what }
    appointments.push(appointment)
    return () => {
      appointments = appointments.filter((one) => one !== appointment)
    }
  }
  return {
    now: () => now,
    in: make,
    wait: (milliseconds) => new Promise((resolve) => void make(milliseconds, resolve)),
    async until(what, isSo) {
      const began = now
      for (;;) {
        // Whatever promises have been kept goes on before this does.
        await new Promise((resolve) => setImmediate(resolve))
        if (isSo()) return
        const next = appointments.reduce<(typeof appointments)[number] | undefined>(
          (first, one) => (!first || one.at < first.at || (one.at === first.at && one.order < first.order) ? one : first),
          undefined,
        )
        if (!next) throw new Error(`${what}: nothing will happen any more`)
        appointments = appointments.filter((one) => one !== next)
        now = next.at
        if (now - began > TOO_LONG) throw new Error(`${what}: has not come to be in ${TOO_LONG / 60_000} minutes`)
        next.what()
      }
    },
  }
}

/** The clock of one process: a dead one is never woken. */
export function clockOf(time: Time, isDead: () => boolean): Clock {
  return {
    now: time.now,
    timestamp: () => new Date(Date.UTC(2026, 0, 1) + time.now()).toISOString(),
    timeout(milliseconds) {
      const controller = new AbortController()
      time.in(milliseconds, () => isDead() || controller.abort(new Error(`${milliseconds} ms are over`)))
      return controller.signal
    },
    wait: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const onAbort = () => {
          takeBack()
          if (!isDead()) reject(signal.reason)
        }
        const takeBack = time.in(milliseconds, () => {
          signal.removeEventListener('abort', onAbort)
          if (!isDead()) resolve()
        })
        signal.addEventListener('abort', onAbort, { once: true })
      }),
  }
}
