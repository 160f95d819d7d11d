import type { StepName } from '@deployer/shared/job'

/** What a step says of itself when it has ended. */
export interface StepEnd {
  ok: boolean
  /** `null`: ended from outside, or no process ran. */
  exitCode: number | null
}

/** What a step gets to work with. */
export interface StepContext {
  /** Aborted when the step's time is over, or the job has to stop. */
  signal: AbortSignal
  /** Adds a line to the step's tail and to the live log. */
  log: (line: string) => void
}

/** A step that has begun; not yet part of the job's report. */
export interface RunningStep {
  /** Adds a line to the tail; possible until the step is finished. */
  log: (line: string) => void
  /** Resolves when the work is done, and never rejects: what goes wrong is a failed step whose tail says why. */
  ended: Promise<StepEnd>
}

/** Begins steps, times them and reports them. */
export interface StepRunner {
  /** Begins a step. @param seconds Its limit. */
  begin(name: StepName, seconds: number, work: (context: StepContext) => Promise<StepEnd>): RunningStep
  /**
   * Waits for a step and puts it into the job's report: steps that run side by side are reported in the order in which they are finished.
   * @throws The job's abort reason when the job itself has to stop.
   */
  finish(step: RunningStep): Promise<StepEnd>
}

/** Runs one step from beginning to end. */
export function runStep(
  steps: StepRunner,
  name: StepName,
  seconds: number,
  work: (context: StepContext) => Promise<StepEnd>,
): Promise<StepEnd> {
  return steps.finish(steps.begin(name, seconds, work))
}
