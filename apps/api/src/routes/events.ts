import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono, type Context } from 'hono'
import type { ServerResponse } from 'node:http'
import type { Job } from '@deployer/shared/job'
import type { AppEnv } from '../app-env.ts'
import type { Place } from '../gates/held-answers.ts'
import { serverSentEvent, type JobFeed } from '../jobs/job-feed.ts'
import type { ApiContext } from './context.ts'
import { readJob } from './jobs.ts'

/** Milliseconds without an event after which a comment is sent, so that proxies keep the connection; looked at every three seconds. */
const HEARTBEAT = 10_000
/** Milliseconds that a reader has to take what is left of a stream that has ended. */
const LAST_WORDS = 10_000

export const EVENT_STREAM = { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' }

/** Follows a job live. */
export function eventRoutes(api: ApiContext) {
  return new Hono<AppEnv>().get(
    '/jobs/:id/events',
    api.authenticate((c) => c.req.param('id') ?? ''),
    async (c) => {
      const { job } = await readJob(c, api, 'read')
      return streamJob(c, api, job)
    },
  )
}

/** Sends a job's events to whoever may read it. */
export function streamJob(c: Context<AppEnv>, api: ApiContext, job: Job): Response {
  if (c.req.method === 'HEAD') return c.body(null, 200, EVENT_STREAM)
  const last = c.req.header('Last-Event-ID') ?? ''
  const resumes = /^\d{1,20}-\d{1,20}$/.test(last)
  const { outgoing } = c.env
  const place = api.held.hold('stream', c.get('caller'), outgoing)
  outgoing.writeHead(200, EVENT_STREAM)
  if (!resumes) outgoing.write(serverSentEvent('state', null, JSON.stringify({ state: job.state })))
  void follow(api.feed, job.job_id, resumes ? last : '0-0', outgoing, place)
  return RESPONSE_ALREADY_SENT
}

/**
 * Sends what the worker has written since an entry, and what it writes, until the job has ended. The ids of the events are those of the stream's
 * entries, so that a reader who lost its connection goes on where it was: also one whose stream ended because the API stops, or its key did.
 * It is written to Node's own answer, a piece at a time and only to who reads: of one who does not, nothing stays here but the piece before, which
 * all who follow the job share.
 */
async function follow(feed: JobFeed, jobId: string, from: string, outgoing: ServerResponse, place: Place): Promise<void> {
  let after = from
  let lastSent = Date.now()
  let rung = false
  let resume: (() => void) | undefined
  const ring = () => {
    rung = true
    resume?.()
  }
  const follower = feed.follow(jobId, ring)
  place.onLoss = ring
  outgoing.on('drain', ring)
  const send = (bytes: Buffer | string) => {
    outgoing.write(bytes)
    lastSent = Date.now()
  }
  while (!place.lost) {
    rung = false
    if (!outgoing.writableNeedDrain) {
      const piece = await follower.read(after)
      if (place.lost) break
      if (piece.bytes.length > 0) send(piece.bytes)
      else if (Date.now() - lastSent >= HEARTBEAT) send(': still here\n\n')
      after = piece.last
      if (piece.isEnd) break
      if (piece.bytes.length > 0) continue
    }
    if (!rung) await new Promise<void>((resolve) => (resume = resolve))
  }
  follower.leave()
  outgoing.end()
  setTimeout(() => outgoing.destroy(), LAST_WORDS).unref()
}
