import type { StepName } from '@deployer/shared/job'

/** How a step ended. */
export type StepEnd =
  /** Its process ended by itself. */
  | { how: 'exited'; code: number }
  /** No process ran, and what was to be seen was seen. */
  | { how: 'proved' }
  /** Something is not as it has to be. */
  | { how: 'disproved'; says: string }
  /** Its time was over, and all of its processes have been ended. */
  | { how: 'time_over'; seconds: number }
  /** Its process was ended by something else, over and over. */
  | { how: 'killed' }
  /** The engine went away meanwhile, so nothing is known. */
  | { how: 'engine_away'; cause: string }

export function isOk(end: StepEnd): boolean {
  return end.how === 'proved' || (end.how === 'exited' && end.code === 0)
}

/** Why a step failed, after a colon. */
export function describeEnd(end: StepEnd): string {
  if (end.how === 'exited') return `it ended with code ${end.code}`
  if (end.how === 'disproved') return end.says
  if (end.how === 'time_over') return `it was not done in ${end.seconds} seconds`
  if (end.how === 'killed') return 'it was killed by something else'
  if (end.how === 'engine_away') return `it lost the Docker Engine (${end.cause})`
  return 'it is done'
}

/** What a step gets to work with. */
export interface StepContext {
  /** Aborted when the step's time is over, or the job has to stop. */
  signal: AbortSignal
  /** Adds a line to the step's tail and to the live log. */
  log: (line: string) => void
}

/** Runs steps, times them and reports them. */
export interface StepRunner {
  /**
   * @param seconds The step's limit.
   * @returns How it ended. What goes wrong in the work is a step that failed, whose tail says why.
   * @throws The job's abort reason when the job itself has to stop, and a refusal out of the work.
   */
  run(name: StepName, seconds: number, work: (context: StepContext) => Promise<StepEnd>): Promise<StepEnd>
}
