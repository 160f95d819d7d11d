import type { RunReport } from '@deployer/shared/job'
import { JournalFile } from '../../apps/worker/src/journal/journal-file.ts'
import { Journal } from '../../apps/worker/src/journal/journal.ts'
import { releaseImages } from '../../apps/worker/src/journal/former-names.ts'
import { reportRun, type RunSink } from '../../apps/worker/src/pipeline/report-run.ts'
import { endOpen } from '../../apps/worker/src/queue/recover.ts'
import { workOn } from '../../apps/worker/src/queue/work-on.ts'
import { JobAborted } from '../../apps/worker/src/queue/job-aborted.ts'
import { openStack } from '../../apps/worker/src/stacks/open-stack.ts'
import { never, type Process } from './fate.ts'
import { STACK, trace, type Host, type QueuedJob } from './host.ts'

/** What a start of a job, of a helper or of the recovery does is what the worker does there, with the Redis of the model. */

function sinkOf(host: Host, process: Process): RunSink {
  return {
    save: () => undefined,
    event: (name, data) => host.fate.say(`  ${process.name} ${name} ${JSON.stringify(data)}`),
    trace,
  }
}

/** One start of a job in a worker. @returns Its report. @throws When another start has to end it. */
export async function startJob(host: Host, process: Process, queued: QueuedJob, container: string | null): Promise<RunReport> {
  const { id: jobId, data } = queued
  const tools = host.tools(process, container)
  const { attempt, report } = await patiently(host, process, 'begin', () => {
    queued.attempt++
    return { attempt: queued.attempt, report: queued.report }
  })
  if (report) {
    const opened = await openStack(tools, STACK, new AbortController().signal, () => undefined)
    opened.journal.told(jobId)
    await opened.release()
    return report
  }
  const abort = new AbortController()
  host.loseLock = () => abort.abort(new JobAborted('lost'))
  return workOn(
    {
      jobId,
      data,
      expect: {},
      newReporter: (former) =>
        reportRun(sinkOf(host, process), tools.logger, tools.clock, abort.signal, [], former && structuredClone(former)),
      unfit: attempt > 3 ? { state: 'failed', code: 'step_failed', message: 'given up' } : null,
      signal: abort.signal,
      findHold: async () => null,
      enterApplying: () =>
        host.redis(process, 'enterApplying', () => {
          if (host.jobs.get(jobId) !== queued || queued.attempt !== attempt) throw new JobAborted('lost')
        }),
      async settle(ended, journal) {
        await patiently(host, process, 'save', () => {
          if (host.jobs.get(jobId) !== queued || queued.attempt !== attempt) throw new JobAborted('lost')
          queued.report = structuredClone(ended)
        })
        if (!journal) return
        try {
          try {
            await releaseImages(tools.engine, STACK, journal, tools.clock.timeout(30_000))
          } finally {
            journal.told(jobId)
          }
        } catch {
          // It is done again after the next job.
        }
      },
    },
    tools,
  )
}

/** As often as it takes. */
async function patiently<T>(host: Host, process: Process, name: string, what: () => T): Promise<T> {
  for (;;) {
    try {
      return await host.redis(process, name, what)
    } catch (error) {
      if (process.dead) return never()
      if (error instanceof JobAborted) throw error
      await host.time.wait(1000)
    }
  }
}

/** A helper from its start to its end. */
export async function runHelper(host: Host, process: Process, name: string): Promise<void> {
  await finishOpen(host, process, null)
  await host.tools(process, null).engine.removeContainer(name, new AbortController().signal)
}

/** What a worker does with what is open in a journal and belongs to nobody that lives. */
export async function finishOpen(host: Host, process: Process, container: string | null): Promise<void> {
  const tools = host.tools(process, container)
  const never = new AbortController().signal
  const opened = await openStack(tools, STACK, never, () => undefined)
  await endOpen(tools, STACK, opened, (former) => reportRun(sinkOf(host, process), tools.logger, tools.clock, never, [], former))
  await opened.release()
}

/** What is written in a journal, for whoever looks at it from outside. */
export function journalOf(host: Host): { file: JournalFile; journal: Journal } {
  const store = {
    read: (name: string) => host.state.disk[name] ?? null,
    write: () => undefined,
    remove: () => undefined,
    setAside: () => undefined,
    names: () => Object.keys(host.state.disk),
  }
  const journal = new Journal(store, () => undefined)
  return { file: journal.file, journal }
}
