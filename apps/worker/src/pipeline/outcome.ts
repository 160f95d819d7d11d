import type { Change, OutcomeCode, StepName } from '@deployer/shared/job'

/** What a deploy has come to. */
export interface DeployOutcome {
  state: 'succeeded' | 'failed'
  code: OutcomeCode | null
  message: string | null
  changes: Change[]
  rolledBack: boolean
}

/** A deploy that ended at a step, with nothing changed. */
export function failedAt(step: StepName, detail = ''): DeployOutcome {
  const message = `The step "${step}" failed${detail && `: ${detail}`}. Its tail says why.`
  return { state: 'failed', code: 'step_failed', message, changes: [], rolledBack: false }
}
