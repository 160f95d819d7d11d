import { parseCounter, STEP_BUCKETS } from '@deployer/shared/counters'
import { StepName } from '@deployer/shared/job'

const NAME = 'deployer_step_duration_seconds'

/**
 * The histogram of step durations in Prometheus's text format, whose buckets each hold all that is below their bound.
 *
 * @param counts Fields of the counters, and how often.
 */
export function formatStepDurations(counts: ReadonlyMap<string, number>): string {
  const values = new Map<string, number>()
  for (const [field, count] of counts) {
    const counter = parseCounter(field)
    if (counter) values.set(counter.join(' '), count)
  }
  const lines = [`# HELP ${NAME} How long steps took, in seconds.`, `# TYPE ${NAME} histogram`]
  for (const step of StepName.options) {
    const count = values.get(`step_count ${step}`)
    if (count === undefined) continue
    let below = 0
    for (const bound of STEP_BUCKETS) {
      below += values.get(`step_le ${step} ${bound}`) ?? 0
      lines.push(`${NAME}_bucket{le="${bound / 1000}",step="${step}"} ${below}`)
    }
    lines.push(`${NAME}_bucket{le="+Inf",step="${step}"} ${count}`)
    lines.push(`${NAME}_sum{step="${step}"} ${(values.get(`step_ms ${step}`) ?? 0) / 1000}`)
    lines.push(`${NAME}_count{step="${step}"} ${count}`)
  }
  return `${lines.join('\n')}\n`
}
