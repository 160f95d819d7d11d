import { emptyReport, type RunReport } from '@deployer/shared/job'
import type { Logger } from '@deployer/shared/logger'
import { createRedact } from '@deployer/shared/redact'
import type { Trace } from '@deployer/shared/telemetry'
import type { Clock } from '../ports.ts'
import { Refusal } from '../refusal.ts'
import { isOk, type StepEnd, type StepRunner } from '../steps/step.ts'
import type { Outcome } from './outcome.ts'
import { createTail } from './tail.ts'

/** Where a run is made known. */
export interface RunSink {
  /** Stores the report; what is stored later is never overtaken by what was stored before. */
  save(report: RunReport): void
  /** Adds to the job's live stream. */
  event(name: 'state' | 'step' | 'log', data: Record<string, unknown>): void
  /** Does a step's work within a span. */
  trace: Trace
}

/** Collects what happens in a run. */
export interface RunReporter extends StepRunner {
  /** From here on these are shown nowhere, beside all that were named before. */
  hide(secrets: string[]): void
  /** A line for the live log before the first step: the job waits for something. */
  say(line: string): void
  /** From here on nothing but time ends a step. */
  detach(): void
  /** How the run has gone so far. */
  soFar(): RunReport
  /** The report with the run's end in it. */
  end(outcome: Outcome): RunReport
}

/**
 * @param signal The job's own: aborted when it is canceled or its lock is lost.
 * @param secrets Values of Deployer's own that no output may show.
 * @param former How an earlier start of the same job went, up to the point where this one goes on.
 */
export function reportRun(
  sink: RunSink,
  logger: Logger,
  clock: Clock,
  signal: AbortSignal,
  secrets: string[],
  former: RunReport | null,
): RunReporter {
  const hidden = new Set(secrets)
  let redact = createRedact(hidden)
  let jobSignal: AbortSignal | null = signal
  const report: RunReport = former ?? emptyReport(clock.timestamp())
  sink.event('state', { state: 'running' })
  sink.save(report)

  return {
    hide(more) {
      for (const secret of more) hidden.add(secret)
      redact = createRedact(hidden)
    },
    say(line) {
      sink.event('log', { step: 'status', line: redact(line) })
      logger.info({ event: 'waiting' }, line)
    },
    detach() {
      jobSignal = null
    },
    soFar: () => structuredClone(report),
    async run(name, seconds, work) {
      const started = clock.now()
      const tail = createTail()
      const timeout = clock.timeout(seconds * 1000)
      const stepSignal = jobSignal ? AbortSignal.any([jobSignal, timeout]) : timeout
      const log = (line: string) => {
        tail.add(line)
        sink.event('log', { step: name, line: redact(line) })
      }
      sink.event('step', { name, state: 'running' })
      let end: StepEnd
      try {
        end = await sink.trace(`step ${name}`, {}, () => work({ signal: stepSignal, log }))
      } catch (error) {
        if (error instanceof Refusal) throw error
        end = { how: 'disproved', says: error instanceof Error ? error.message : String(error) }
        if (!stepSignal.aborted) tail.add(end.says)
      }
      if (jobSignal?.aborted && !isOk(end)) throw jobSignal.reason
      if (timeout.aborted && !isOk(end)) {
        end = { ...end, how: 'time_over', seconds }
        tail.add(`The step took longer than ${seconds} seconds and was ended with all its processes.`)
      }
      const exit_code = end.how === 'exited' ? end.code : end.how === 'proved' ? 0 : null
      const entry = { name, ok: isOk(end), exit_code, duration_ms: Math.round(clock.now() - started) }
      report.steps.push({ ...entry, tail: tail.text(redact) })
      logger.info({ event: 'step', step: name, ok: entry.ok, exit_code, duration_ms: entry.duration_ms }, 'step ended')
      sink.event('step', { ...entry, tail: tail.text(redact), state: 'ended' })
      sink.save(report)
      return end
    },
    end(outcome) {
      Object.assign(report, { rolled_back: false, ...outcome, message: outcome.message === null ? null : redact(outcome.message) })
      report.finished_at = clock.timestamp()
      return report
    },
  }
}
