import type { Job } from '@deployer/shared/job'

/** How a command ends. */
export const EXIT = { deployed: 0, failed: 1, usage: 2, refused: 3, unreachable: 4, stillGoing: 5 } as const

/** An end other than the good one; its message is for the person at the terminal. */
export class CommandEnd extends Error {
  override readonly name = 'CommandEnd'
  readonly exitCode: number
  /** What was answered, for `--json`. */
  readonly answer: unknown

  constructor(exitCode: number, message: string, answer?: unknown) {
    super(message)
    this.exitCode = exitCode
    this.answer = answer
  }
}

/** Outcomes of a job that has begun, or was canceled; the others are refusals. */
const FAILED = new Set<string>(['step_failed', 'rollback_failed', 'canceled'])

/** What a job's outcome is as an exit code. */
export function exitCodeOf({ ok, code }: Pick<Job, 'ok' | 'code'>): number {
  if (ok === null) return EXIT.stillGoing
  if (ok) return EXIT.deployed
  return code === null || FAILED.has(code) ? EXIT.failed : EXIT.refused
}
