import type { JobData } from './job-data.ts'
import { JobAction, OutcomeCode, type RunReport } from './job.ts'
import { KEY_PREFIX } from './queue.ts'

/** Hash: what has been counted since Redis was set up; survives every restart of API and workers. */
export const COUNTERS_KEY = `${KEY_PREFIX}:counters`

/** Upper bounds of the histogram of step durations, in milliseconds. */
export const STEP_BUCKETS = [50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000] as const

/** A field of the hash: what is counted, and its labels in their order. */
export type Counter =
  | ['deploys', stack: string, host: string, action: string, outcome: string]
  | ['rollbacks', stack: string, host: string, ok: 'true' | 'false']
  | ['questions', host: string, registry: string, outcome: 'answered' | 'failed']
  | ['step_count', step: string]
  | ['step_ms', step: string]
  | ['step_le', step: string, milliseconds: string]

/** In what jobs end: see `outcomeOf`. */
const OUTCOMES = ['succeeded', 'failed', 'rolled_back', ...OutcomeCode.exclude(['step_failed']).options]

/** The counters that a stack has from the moment it is known: a counter that appears with its first failure has no rise that an alert could see. */
export function countersOf(stack: string, host: string): Counter[] {
  return [
    ...JobAction.options.flatMap((action) => OUTCOMES.map((outcome): Counter => ['deploys', stack, host, action, outcome])),
    ['rollbacks', stack, host, 'true'],
    ['rollbacks', stack, host, 'false'],
  ]
}

/** What the end of a job adds to the counters: fields and whole numbers, alternating. */
export function countJob({ stack, host, action }: Pick<JobData, 'stack' | 'host' | 'action'>, report: RunReport): (string | number)[] {
  const counts: (string | number)[] = []
  const add = (counter: Counter, by = 1) => counts.push(JSON.stringify(counter), by)
  add(['deploys', stack, host, action, outcomeOf(report)])
  for (const { name, ok, duration_ms } of report.steps) {
    add(['step_count', name])
    add(['step_ms', name], duration_ms)
    const bucket = STEP_BUCKETS.find((bound) => duration_ms <= bound)
    if (bucket !== undefined) add(['step_le', name, String(bucket)])
    if (name === 'rollback') add(['rollbacks', stack, host, ok ? 'true' : 'false'])
  }
  return counts
}

/** `succeeded`, `canceled`, `rolled_back`, `rollback_failed`, `failed`, or the code of a refusal. */
function outcomeOf({ state, code, rolled_back }: RunReport): string {
  if (state !== 'failed') return state
  if (rolled_back) return 'rolled_back'
  return code === null || code === 'step_failed' ? 'failed' : code
}

/** A field of the hash; `null` when it is none of ours. */
export function parseCounter(field: string): Counter | null {
  try {
    const parsed: unknown = JSON.parse(field)
    return Array.isArray(parsed) && parsed.every((part) => typeof part === 'string') ? (parsed as Counter) : null
  } catch {
    return null
  }
}
