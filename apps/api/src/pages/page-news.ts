import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context } from 'hono'
import type { Redis } from 'ioredis'
import type { AppEnv } from '../app-env.ts'
import type { HeldAnswers } from '../gates/held-answers.ts'
import { EVENT_STREAM } from '../routes/events.ts'

/** Milliseconds between two pieces of news: a page that is told looks again as a whole. */
const PAUSE = 2000
/** Milliseconds without news after which a comment is sent, so that proxies keep the connection. */
const HEARTBEAT = 10_000

/**
 * Tells pages that something has happened: to a job, or to what a host has. What it is they see when they look again.
 *
 * @param subscriber A connection that is subscribed to what is told of jobs and hosts.
 */
export function createPageNews(subscriber: Redis, held: HeldAnswers): (c: Context<AppEnv>) => Response {
  const streams = new Set<(text: string) => void>()
  let timer: NodeJS.Timeout | undefined
  const tell = (text: string) => {
    for (const send of streams) send(text)
  }
  subscriber.on('message', () => {
    if (streams.size === 0) return
    timer ??= setTimeout(() => {
      timer = undefined
      tell('event: news\ndata: {}\n\n')
    }, PAUSE)
  })
  setInterval(() => tell(': still here\n\n'), HEARTBEAT).unref()

  return (c) => {
    if (c.req.method === 'HEAD') return c.body(null, 200, EVENT_STREAM)
    const { outgoing } = c.env
    const place = held.hold('stream', c.get('caller'), outgoing)
    // Who does not read misses news, and keeps nothing here.
    const send = (text: string) => {
      if (!outgoing.writableNeedDrain) outgoing.write(text)
    }
    outgoing.writeHead(200, EVENT_STREAM)
    outgoing.write(': here\n\n')
    const end = () => {
      streams.delete(send)
      outgoing.end()
    }
    place.onLoss = end
    if (place.lost) end()
    else streams.add(send)
    return RESPONSE_ALREADY_SENT
  }
}
