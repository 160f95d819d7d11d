import type { Redis } from 'ioredis'
import { jobStreamKey } from '@deployer/shared/job-stream'

/** A part of a job's live stream. */
export interface Entries {
  entries: [id: string, fields: string[]][]
  /** The id of the last entry that is no longer kept, where that one came after what the reader has. */
  missed: string | null
  /** Whether nothing is kept of the stream, or never was. */
  gone: boolean
}

/** Reads what follows an entry, and whether there was more between it and the first that is kept: in one step, or one that goes meanwhile would be missed. */
export async function readEntries(redis: Redis, jobId: string, after: string, count: number): Promise<Entries> {
  const key = jobStreamKey(jobId)
  const answers = (await redis.multi().xinfo('STREAM', key).xrange(key, `(${after}`, '+', 'COUNT', count).exec()) ?? []
  const [error, info] = answers[0] ?? []
  const fields = (info ?? []) as string[]
  const deleted = fields[fields.indexOf('max-deleted-entry-id') + 1] ?? '0-0'
  return {
    entries: (answers[1]?.[1] ?? []) as Entries['entries'],
    missed: error === null && isAfter(deleted, after) ? deleted : null,
    gone: error !== null,
  }
}

function isAfter(id: string, other: string): boolean {
  const [time = 0, number = 0] = id.split('-').map(Number)
  const [otherTime = 0, otherNumber = 0] = other.split('-').map(Number)
  return time > otherTime || (time === otherTime && number > otherNumber)
}
