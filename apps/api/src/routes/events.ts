import { Hono } from 'hono'
import { streamSSE, type SSEStreamingApi } from 'hono/streaming'
import type { Job } from '@deployer/shared/job'
import type { AppEnv } from '../app-env.ts'
import { OWNER } from '../keys/caller.ts'
import { readEntries, type Entries } from '../jobs/read-entries.ts'
import { hasEnded } from '../jobs/to-job.ts'
import type { ApiContext } from './context.ts'
import { readJob } from './jobs.ts'

/** Milliseconds without an event after which a comment is sent, so that proxies keep the connection. */
const HEARTBEAT = 10_000
/** Entries of the stream that are read at once, and characters that they should have together: of a reader who does not read, they stay here. */
const BATCH = 500
const BATCH_SIZE = 65_536

/** What is read of a Redis that is away. */
const NOTHING: Entries = { entries: [], missed: null, gone: false }

/** Follows a job live. */
export function eventRoutes(api: ApiContext) {
  return new Hono<AppEnv>().get(
    '/jobs/:id/events',
    api.authenticate((c) => c.req.param('id') ?? ''),
    async (c) => {
      const { job } = await readJob(c, api, 'read')
      const last = c.req.header('Last-Event-ID') ?? ''
      const after = /^\d+-\d+$/.test(last) ? last : '0-0'
      if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' })
      const caller = c.get('caller')
      api.held.hold('stream', caller === OWNER ? null : caller.key, c.env.outgoing)
      c.header('X-Accel-Buffering', 'no')
      return streamSSE(c, (stream) => follow(api, job, after, caller.expires ?? Infinity, stream))
    },
  )
}

/**
 * Sends what the worker has written since an entry, and what it writes, until the job has ended. The ids of the events are those of the stream's
 * entries, so that a reader who lost its connection goes on where it was: also one whose stream ended because the API stops, or its key did. Any number of readers share the API's one subscription.
 */
async function follow(
  api: ApiContext,
  { job_id: jobId, state }: Job,
  from: string,
  expires: number,
  stream: SSEStreamingApi,
): Promise<void> {
  let after = from
  let wake: (() => void) | undefined
  let news = true
  let lastSent = Date.now()
  const send = async (write: () => Promise<unknown>) => {
    if (!stream.aborted) await write()
    lastSent = Date.now()
  }
  const pause = (milliseconds: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const ring = () => {
    news = true
    wake?.()
  }
  const stop = api.hub.onNews(jobId, ring)
  stream.onAbort(ring)
  try {
    if (after === '0-0') await send(() => stream.writeSSE({ event: 'state', data: JSON.stringify({ state }) }))
    while (!stream.aborted) {
      if (api.hub.stopped() || Date.now() >= expires) return
      news = false
      // Read before the stream: an end that comes after this look rings again.
      const job = await api.store.read(jobId).then(
        (found) => found?.job ?? null,
        () => undefined,
      )
      const ended = job === null || (job !== undefined && hasEnded(job))
      const sent = await sendEntries(api, jobId, after, Boolean(ended && job?.started_at), stream)
      if (sent !== after) lastSent = Date.now()
      after = sent
      if (ended) break
      if (!news) await pause(Math.max(Math.min(HEARTBEAT, expires - Date.now()), 0))
      if (Date.now() - lastSent >= HEARTBEAT) await send(() => stream.write(': still here\n\n'))
    }
    const found = await api.store.read(jobId)
    await send(() => stream.writeSSE({ event: 'done', id: after, data: JSON.stringify(found?.job ?? null) }))
  } finally {
    stop()
  }
}

/**
 * Sends what follows an entry. Where what followed it is no longer kept, an event `gap` says so first: `from` is the last entry that the reader has
 * (`null`: none), `to` the last one that is missing (`null`: the whole log is gone).
 *
 * @param mustBe Whether the job has ended and once had a log.
 * @returns The id of the last entry that was sent.
 */
async function sendEntries(api: ApiContext, jobId: string, from: string, mustBe: boolean, stream: SSEStreamingApi): Promise<string> {
  let after = from
  let count = 16
  for (;;) {
    const { entries, missed, gone } = await readEntries(api.redis, jobId, after, count).catch(() => NOTHING)
    if (missed !== null || (gone && mustBe)) {
      const data = JSON.stringify({ from: after === '0-0' ? null : after, to: missed })
      if (!stream.aborted) await stream.writeSSE({ event: 'gap', data, ...(missed === null ? {} : { id: missed }) })
      after = missed ?? after
    }
    let size = 0
    for (const [id, fields] of entries) {
      const [, event = 'log', , data = '{}'] = fields
      if (stream.aborted || api.hub.stopped()) return after
      await stream.writeSSE({ event, id, data })
      after = id
      size += data.length
    }
    if (entries.length < count) return after
    count = Math.max(1, Math.min(BATCH, Math.floor((BATCH_SIZE * count) / Math.max(size, 1))))
  }
}
