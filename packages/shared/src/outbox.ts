import { z } from 'zod'
import { Job, type Change, type RunReport } from './job.ts'
import type { JobData } from './job-data.ts'
import { KEY_PREFIX } from './queue.ts'
import { queuedJob } from './queued-job.ts'
import { Update } from './updates.ts'

/** What is told to people. */
export const NotifyEvent = z.enum([
  'started',
  'succeeded',
  'updated',
  'failed',
  'rolled_back',
  'rollback_failed',
  'recovered',
  'update_available',
  'held',
])
export type NotifyEvent = z.infer<typeof NotifyEvent>

/** Something that has happened and may be told: an entry of the outbox. */
export const OutboxEntry = z.discriminatedUnion('kind', [
  /** A job has begun, or ended; or what it had left open has, after its end. */
  z.object({ kind: z.literal('job'), at: z.iso.datetime(), job: Job, late: z.boolean().default(false) }),
  /** A check has found images that were not told of before: one entry for a check. */
  z.object({
    kind: z.literal('updates'),
    at: z.iso.datetime(),
    host: z.string(),
    /** With what the image that runs says of itself by its labels, as far as it does. */
    updates: z.array(Update.extend({ stack: z.string(), running_version: z.string().nullish(), source: z.string().nullish() })),
  }),
  /** A round of checks has begun, or ended: for `PING_URL`. */
  z.object({
    kind: z.literal('round'),
    at: z.iso.datetime(),
    host: z.string(),
    phase: z.enum(['start', 'end']),
    /** Of an end: what went wrong; `null`: nothing. */
    problem: z.string().nullable(),
  }),
])
export type OutboxEntry = z.infer<typeof OutboxEntry>

/** Stream of {@link OutboxEntry} as JSON in the field `entry`: what API processes have not yet handed to their channels. */
export const OUTBOX_KEY = `${KEY_PREFIX}:outbox`
/** Entries that are kept when no API takes them. */
export const OUTBOX_LENGTH = 1000

/** The most that is kept of a version or a source that an image says it has. */
const LABEL_LENGTH = 200

/** What is told of an image's label; `null`: it has none. */
export function cutLabel(label: string | null | undefined): string | null {
  return label?.trim().slice(0, LABEL_LENGTH) || null
}

/**
 * A job as an entry, in JSON: of its steps' output only that of those that failed.
 *
 * @param report How far it has come; `null`: it begins.
 * @param late What it had left open has ended, after its own end was told.
 */
export function jobEntry(jobId: string, data: JobData, report: RunReport | null, late = false): string {
  const at = report?.finished_at ?? new Date().toISOString()
  const job: Job = { ...queuedJob(jobId, data, false), state: 'running', started_at: at }
  if (report) {
    const steps = report.steps.map((step) => (step.ok ? { ...step, tail: '' } : step))
    const short = (changes: Change[]) =>
      changes.map((change) => ({
        ...change,
        source: cutLabel(change.source),
        from_version: cutLabel(change.from_version),
        to_version: cutLabel(change.to_version),
      }))
    const [changes, taken_back] = [short(report.changes), short(report.taken_back)]
    Object.assign(job, report, { steps, changes, taken_back, plan: null, ok: report.state === 'succeeded' })
  }
  return JSON.stringify({ kind: 'job', at, job, late } satisfies OutboxEntry)
}
