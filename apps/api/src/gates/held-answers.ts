import type { EventEmitter } from 'node:events'
import { Problem } from '../problem.ts'

/** How many answers may be held at the same time, in all and of one scoped key or token. */
const MOST = {
  wait: { all: 20_000, key: 2000 },
  stream: { all: 2000, key: 100 },
} as const

/** Counts the answers that are being held: each costs memory for as long as it lasts. */
export interface HeldAnswers {
  /**
   * Counts one until its connection closes or it has been sent.
   *
   * @param key Of the caller; `null` for the main secret, which only the count of all bounds.
   * @throws {Problem} `too_many_held`.
   */
  hold(kind: keyof typeof MOST, key: string | null, answer: Pick<EventEmitter, 'once'>): void
}

export function createHeldAnswers(): HeldAnswers {
  const counts = new Map<string, number>()
  return {
    hold(kind, key, answer) {
      const names = [kind, ...(key === null ? [] : [`${kind} ${key}`])]
      const [all = 0, own = 0] = names.map((name) => counts.get(name) ?? 0)
      if (all >= MOST[kind].all || own >= MOST[kind].key) {
        const whose = all >= MOST[kind].all ? '' : ' of this key'
        throw new Problem('too_many_held', `Too many answers${whose} are being held. Ask again without waiting, or later.`, {
          'Retry-After': '5',
        })
      }
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
      answer.once('close', () => {
        for (const name of names) {
          const left = (counts.get(name) ?? 1) - 1
          if (left > 0) counts.set(name, left)
          else counts.delete(name)
        }
      })
    },
  }
}
