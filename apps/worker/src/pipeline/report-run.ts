import type { RunReport, StepName } from '@deployer/shared/job'
import type { Logger } from '@deployer/shared/logger'
import type { Trace } from '@deployer/shared/telemetry'
import { createRedact } from '@deployer/shared/redact'
import type { RunningStep, StepEnd, StepRunner } from '../steps/step.ts'
import type { DeployOutcome } from './outcome.ts'
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
  hide(secrets: string[]): void
  /** Keeps the images that run before the first change, for a start that has to mend this one. */
  remember(images: Record<string, string>): void
  /** The report with the run's end in it. */
  end(outcome: DeployOutcome | RunReport | { state: 'canceled'; code: 'canceled'; message: string }): RunReport
}

/**
 * @param signal The job's own: aborted when it is canceled or its lock is lost.
 * @param secrets Values of Deployer's own that no output may show.
 * @param former The images that an earlier start of the same job has kept.
 */
export function reportRun(sink: RunSink, logger: Logger, signal: AbortSignal, secrets: string[], former: RunReport['former']): RunReporter {
  let redact = createRedact(secrets)
  const report: RunReport = {
    state: 'running',
    code: null,
    message: null,
    steps: [],
    changes: [],
    rolled_back: false,
    started_at: new Date().toISOString(),
    finished_at: null,
    former,
  }
  const details = new Map<RunningStep, { name: StepName; finished: () => { durationMs: number; tail: string } }>()
  sink.event('state', { state: 'running' })
  sink.save(report)

  return {
    hide(more) {
      redact = createRedact([...secrets, ...more])
    },
    remember(images) {
      report.former = images
      sink.save(report)
    },
    begin(name, seconds, work) {
      const started = performance.now()
      const tail = createTail()
      const timeout = AbortSignal.timeout(seconds * 1000)
      const stepSignal = AbortSignal.any([signal, timeout])
      let durationMs = 0
      const log = (line: string) => {
        tail.add(line)
        sink.event('log', { step: name, line: redact(line) })
      }
      sink.event('step', { name, state: 'running' })
      const ended = sink
        .trace(`step ${name}`, {}, () => work({ signal: stepSignal, log }))
        .catch((error: unknown): StepEnd => {
          if (!stepSignal.aborted) tail.add(error instanceof Error ? error.message : String(error))
          return { ok: false, exitCode: null }
        })
        .then((end): StepEnd => {
          durationMs = Math.round(performance.now() - started)
          if (!timeout.aborted || end.ok) return end
          tail.add(`The step took longer than ${seconds} seconds and was ended with all its processes.`)
          return { ok: false, exitCode: null }
        })
      const step: RunningStep = { log, ended }
      details.set(step, { name, finished: () => ({ durationMs, tail: tail.text(redact) }) })
      return step
    },
    async finish(step) {
      const end = await step.ended
      const detail = details.get(step)
      if (!detail) throw new Error('this step was not begun here')
      if (signal.aborted && !end.ok) throw signal.reason
      const { durationMs, tail } = detail.finished()
      const entry = { name: detail.name, ok: end.ok, exit_code: end.exitCode, duration_ms: durationMs }
      report.steps.push({ ...entry, tail })
      const { name, ...fields } = entry
      logger.info({ event: 'step', step: name, ...fields }, 'step ended')
      sink.event('step', { ...entry, tail, state: 'ended' })
      sink.save(report)
      return end
    },
    end(outcome) {
      // A whole report comes from whoever did the deploy in this run's place.
      if ('finished_at' in outcome) return { ...outcome, started_at: report.started_at }
      report.state = outcome.state
      report.code = outcome.code
      report.message = outcome.message === null ? null : redact(outcome.message)
      if ('changes' in outcome) {
        report.changes = outcome.changes
        report.rolled_back = outcome.rolledBack
      }
      report.finished_at = new Date().toISOString()
      return report
    },
  }
}
