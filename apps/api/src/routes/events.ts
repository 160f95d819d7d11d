import { Hono } from 'hono'
import { streamSSE, type SSEStreamingApi } from 'hono/streaming'
import type { Job } from '@deployer/shared/job'
import { jobStreamKey } from '@deployer/shared/job-stream'
import type { AppEnv } from '../app-env.ts'
import { hasEnded } from '../jobs/to-job.ts'
import type { ApiContext } from './context.ts'
import { readJob } from './jobs.ts'

/** Milliseconds without an event after which a comment is sent, so that proxies keep the connection. */
const HEARTBEAT = 10_000
/** Entries of the stream that are read at once. */
const BATCH = 500

/** Follows a job live. */
export function eventRoutes(api: ApiContext) {
  return new Hono<AppEnv>().get(
    '/jobs/:id/events',
    api.authenticate((c) => c.req.param('id') ?? ''),
    async (c) => {
      const { job } = await readJob(c, api, 'read')
      const last = c.req.header('Last-Event-ID') ?? ''
      const after = /^\d+-\d+$/.test(last) ? last : '0-0'
      c.header('X-Accel-Buffering', 'no')
      return streamSSE(c, (stream) => follow(api, job, after, stream))
    },
  )
}

/**
 * Sends what the worker has written since an entry, and what it writes, until the job has ended. The ids of the events are those of the stream's
 * entries, so that a reader who lost its connection goes on where it was. Any number of readers share the API's one subscription.
 */
async function follow(api: ApiContext, { job_id: jobId, state }: Job, from: string, stream: SSEStreamingApi): Promise<void> {
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
      news = false
      // Read before the stream: an end that comes after this look rings again.
      const ended = await api.store.read(jobId).then(
        (found) => !found || hasEnded(found.job),
        () => false,
      )
      const sent = await sendEntries(api, jobId, after, stream)
      if (sent !== after) lastSent = Date.now()
      after = sent
      if (ended) break
      if (!news) await pause(HEARTBEAT)
      if (Date.now() - lastSent >= HEARTBEAT) await send(() => stream.write(': still here\n\n'))
    }
    const found = await api.store.read(jobId)
    await send(() => stream.writeSSE({ event: 'done', id: after, data: JSON.stringify(found?.job ?? null) }))
  } finally {
    stop()
  }
}

/** @returns The id of the last entry that was sent. */
async function sendEntries(api: ApiContext, jobId: string, from: string, stream: SSEStreamingApi): Promise<string> {
  let after = from
  for (;;) {
    const entries = await api.redis.xrange(jobStreamKey(jobId), `(${after}`, '+', 'COUNT', BATCH).catch(() => [])
    for (const [id, fields] of entries) {
      const [, event = 'log', , data = '{}'] = fields
      await stream.writeSSE({ event, id, data })
      after = id
    }
    if (entries.length < BATCH) return after
  }
}
