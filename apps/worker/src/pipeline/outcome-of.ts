import { Refusal } from '../refusal.ts'
import type { DeployOutcome } from './outcome.ts'

/** What an error out of a deploy makes of it. */
export function outcomeOf(error: unknown): DeployOutcome {
  const code = error instanceof Refusal ? error.code : 'step_failed'
  const message = error instanceof Error ? error.message : String(error)
  return { state: 'failed', code, message, changes: [], rolledBack: false }
}
