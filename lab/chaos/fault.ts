import type { Client } from '../client.ts'
import type { Random } from '../random.ts'

/** What is to be broken in one round. */
export interface Round {
  random: Random
  /** Resolves when a job of the round has begun to go back; with `false` when none does. */
  untilRollback(): Promise<boolean>
}

/** Something that can be done to a running system. */
export interface Fault {
  name: string
  /** What it is done to: each has one fault in a round, since a job whose worker dies three times is given up on purpose. */
  at: string
  /** What may come of it besides what was asked for: a good version that fails, with the former one back, or a job that nobody knows any more. */
  excuses: 'nothing' | 'failure' | 'loss'
  /**
   * Breaks it, and brings it back after a random while.
   *
   * @returns Whether there was anything to break.
   */
  putIn(round: Round): Promise<boolean>
}

/** A system to break. */
export interface System {
  client(): Client
  faults: Fault[]
  close(): Promise<void>
}

/** Milliseconds that something is away: mostly short, sometimes longer than any lock of a job's lasts. */
export function awhile(random: Random): number {
  return random.chance(0.3) ? 15_000 : random.below(1500)
}

/** One to three faults, each at something else. */
export function chooseFaults(all: Fault[], random: Random): Fault[] {
  const chosen: Fault[] = []
  for (let count = 1 + random.below(3); count > 0; count--) {
    const fault = random.pick(all)
    if (chosen.every(({ at }) => at !== fault.at)) chosen.push(fault)
  }
  return chosen
}
