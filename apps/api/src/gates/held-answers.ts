import type { EventEmitter } from 'node:events'
import { OWNER, type Caller } from '../keys/caller.ts'
import { Problem } from '../problem.ts'

/** How many answers may be held at the same time, in all and of one scoped key or token; and at most which share of all connections. */
const MOST = {
  wait: { all: 20_000, key: 2000, share: 0.8 },
  stream: { all: 2000, key: 100, share: 0.08 },
} as const

/** Milliseconds between two looks at whose key still holds. */
const LOOK_INTERVAL = 1000

/** An answer's place among those that are held. */
export interface Place {
  /** Whether it is to end: its connection has closed, its caller's key holds no more, or the API stops. */
  lost: boolean
  /** Called once when it is lost. */
  onLoss: () => void
}

/** The answers that are being held: each costs memory for as long as it lasts. */
export interface HeldAnswers {
  /**
   * Gives an answer a place until its connection closes or it has been sent.
   *
   * @param answer Node's own; an AbortSignal for each of thousands of callers would take twice the memory.
   * @throws {Problem} `too_many_held`. The main secret is bounded by the count of all alone.
   */
  hold(kind: keyof typeof MOST, caller: Caller, answer: Pick<EventEmitter, 'once'>): Place
  /** Lets all of them end. */
  stop(): void
}

/** @param connections How many there may be at the same time: some are left for those who do not wait. */
export function createHeldAnswers(connections: number): HeldAnswers {
  const counts = new Map<string, number>()
  const places = new Map<Place, Caller>()
  let stopped = false

  function lose(place: Place): void {
    if (!places.delete(place)) return
    place.lost = true
    place.onLoss()
  }

  const timer = setInterval(() => {
    for (const [place, caller] of places) if (!caller.holds()) lose(place)
  }, LOOK_INTERVAL)

  return {
    hold(kind, caller, answer) {
      const names = [kind, ...(caller === OWNER ? [] : [`${kind} ${caller.key}`])]
      const [all = 0, own = 0] = names.map((name) => counts.get(name) ?? 0)
      const isFull = all >= Math.min(MOST[kind].all, MOST[kind].share * connections)
      if (isFull || own >= MOST[kind].key) {
        const whose = isFull ? '' : ' of this key'
        throw new Problem('too_many_held', `Too many answers${whose} are being held. Ask again without waiting, or later.`, {
          'Retry-After': '5',
        })
      }
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
      const place: Place = { lost: stopped, onLoss: () => undefined }
      if (!stopped) places.set(place, caller)
      answer.once('close', () => {
        for (const name of names) {
          const left = (counts.get(name) ?? 1) - 1
          if (left > 0) counts.set(name, left)
          else counts.delete(name)
        }
        lose(place)
      })
      return place
    },
    stop() {
      stopped = true
      clearInterval(timer)
      for (const place of places.keys()) lose(place)
    },
  }
}
