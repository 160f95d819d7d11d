import type { RunReport, StepName } from '@deployer/shared/job'
import { Refusal } from '../refusal.ts'

/** What a job has come to; what is left out is as at its start. */
export type Outcome = Pick<RunReport, 'state' | 'code' | 'message'> &
  Partial<Pick<RunReport, 'changes' | 'rolled_back' | 'taken_back' | 'release' | 'expect' | 'degraded' | 'plan' | 'refusal'>>

/** A deploy that ended at a step, with nothing changed. */
export function failedAt(step: StepName): Outcome {
  return { state: 'failed', code: 'step_failed', message: `The step "${step}" failed, so nothing was changed. Its tail says why.` }
}

/** What an error out of a deploy makes of it. */
export function outcomeOf(error: unknown): Outcome {
  const code = error instanceof Refusal ? error.code : 'step_failed'
  return { state: 'failed', code, message: error instanceof Error ? error.message : String(error) }
}

/** Of what watching has asked for. */
export function rolledBackMeanwhile(): Outcome {
  return {
    ...canceled(),
    message: 'What this job was to deploy was rolled back while it waited, so it is not tried again; nothing was changed.',
  }
}

/** Of what watching has asked for. */
export function deployedMeanwhile(): Outcome {
  return {
    ...canceled(),
    message: 'Something else has been deployed while this job waited, which may be newer than what it was to deploy; nothing was changed.',
  }
}

export function canceled(): Outcome {
  return { state: 'canceled', code: 'canceled', message: 'The job was canceled before anything was changed.' }
}
