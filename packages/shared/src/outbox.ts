import { z } from 'zod'
import { Job } from './job.ts'
import { KEY_PREFIX } from './queue.ts'
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
  /** A job has begun, or ended. */
  z.object({ kind: z.literal('job'), at: z.iso.datetime(), job: Job }),
  /** A check has found images that were not told of before: one entry for a check. */
  z.object({
    kind: z.literal('updates'),
    at: z.iso.datetime(),
    host: z.string(),
    updates: z.array(Update.extend({ stack: z.string() })),
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
