import type { z } from 'zod'
import { END_STATES, type Job, type JobState, RunReport } from '@deployer/shared/job'
import { JobData } from '@deployer/shared/job-data'
import { queuedJob } from '@deployer/shared/queued-job'

/**
 * Puts a job together from what BullMQ keeps of it and what its worker has reported.
 *
 * @param queued BullMQ's hash. `atm` counts ends: one more than the run's round once the job has ended.
 * @param run The run record's hash; empty before the job's first start.
 * @param expect The digests that its requests expect, which may grow until its first start.
 * @returns `null` for what is no job of ours: whoever can write Redis can put anything there.
 */
export function toJob(
  jobId: string,
  queued: Record<string, string>,
  run: Record<string, string>,
  expect: Record<string, string> = {},
): Job | null {
  const data = parseAs(JobData, queued['data'])
  if (!data) return null
  const base = { ...queuedJob(jobId, data, false), expect }
  const ended = queued['finishedOn'] !== undefined
  const round = Number(queued['atm'] ?? 0) - (ended ? 1 : 0)
  const current = Number(run['round'] ?? -1) === round
  // Where its record is gone, BullMQ still has the whole report of a job that failed, and that another one succeeded.
  const report = (current ? parseAs(RunReport, run['report']) : null) ?? (ended ? parseAs(RunReport, queued['progress']) : null)
  if (report?.finished_at) return { ...base, ...report, ok: report.state === 'succeeded' }
  if (ended) {
    const finished_at = new Date(Number(queued['finishedOn'])).toISOString()
    const message = queued['failedReason']
    if (message === undefined) return { ...base, ...report, state: 'succeeded', ok: true, finished_at }
    return { ...base, ...report, state: 'failed', ok: false, code: 'step_failed', message, finished_at }
  }
  if (current && run['phase'] === 'canceled') {
    return {
      ...base,
      state: 'canceled',
      ok: false,
      code: 'canceled',
      message: 'The job was canceled before it began.',
      finished_at: base.queued_at,
    }
  }
  if (report) return { ...base, ...report }
  return { ...base, state: current ? 'running' : 'queued' }
}

/** `null` for what is missing or does not fit. */
function parseAs<T extends z.ZodType>(schema: T, json: string | undefined): z.infer<T> | null {
  try {
    return schema.parse(JSON.parse(json ?? ''))
  } catch {
    return null
  }
}

export function hasEnded(job: { state: JobState }): boolean {
  return END_STATES.includes(job.state)
}
