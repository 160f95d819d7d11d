import { setTimeout as delay } from 'node:timers/promises'
import type { RunReport } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import { saveReport, type RunFence } from '@deployer/shared/run-record'
import { JobAborted } from './job-aborted.ts'
import type { JobTools } from './run-job.ts'

/** Milliseconds until a Redis that could not be written is tried again. */
const RETRY = 1000

/** Stores a run's reports in Redis. */
export interface ReportSaver {
  /** Stores one in its turn. That it cannot be stored stops nothing: the last one has all that the others had. */
  save(report: RunReport): void
  /** Resolves when all of them have been stored, or could not be. */
  settled(): Promise<void>
  /**
   * Stores the last one, as often as it takes.
   * @throws {JobAborted} when another start has followed this one, or Redis has lost the job: who takes it up next finds its end in the journal.
   */
  last(report: RunReport): Promise<void>
}

/** @param abort Aborted when it turns out that another start has followed this one. */
export function createSaver(
  { redis, retention, stopping, logger }: JobTools,
  fence: RunFence,
  job: JobData,
  abort: AbortController,
): ReportSaver {
  let saving: Promise<unknown> = Promise.resolve()
  const store = (report: RunReport) => saveReport(redis, fence, job, report, retention)
  return {
    save(report) {
      const saved = store(report).then(
        (how) => {
          if (how !== 'kept') abort.abort(new JobAborted('lost'))
        },
        (error: unknown) =>
          logger.warn({ event: 'report_unsaved', job_id: fence.jobId, err: error }, 'how the job goes could not be stored'),
      )
      saving = Promise.all([saving, saved])
    },
    async settled() {
      await saving
    },
    async last(report) {
      for (;;) {
        try {
          if ((await store(report)) === 'kept') return
          throw new JobAborted('lost')
        } catch (error) {
          if (error instanceof JobAborted) throw error
          logger.warn({ event: 'report_unsaved', job_id: fence.jobId, err: error }, 'the end of the job could not be stored; trying again')
          await delay(RETRY, undefined, { signal: stopping }).catch(() => {
            throw stopping.reason
          })
        }
      }
    },
  }
}
