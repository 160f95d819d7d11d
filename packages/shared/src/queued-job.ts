import { emptyReport, type Job } from './job.ts'
import type { JobData } from './job-data.ts'

/** The time a job was made, which stands in the first 48 bits of its id (RFC 9562, UUID version 7). */
export function queuedAt(jobId: string): string {
  return new Date(Number.parseInt(jobId.replace('-', '').slice(0, 12), 16)).toISOString()
}

/** A job that has just been queued. */
export function queuedJob(jobId: string, data: JobData, coalesced: boolean): Job {
  const queued_at = queuedAt(jobId)
  return {
    // What it is comes before how it went: JSON is read in this order.
    job_id: jobId,
    stack: data.stack,
    host: data.host,
    action: data.action,
    to: data.to ?? null,
    source: data.source,
    by: data.caller,
    ...emptyReport(queued_at),
    state: 'queued',
    ok: null,
    coalesced,
    status_url: `/jobs/${jobId}`,
    queued_at,
    started_at: null,
  }
}
