import type { Redis } from 'ioredis'
import type { JobHub } from './job-news.ts'
import { readEntries } from './read-entries.ts'
import { hasEnded } from './to-job.ts'

/** Entries of a stream that are read at once, and characters that they should have together. */
const BATCH = 500
const BATCH_SIZE = 65_536
/** Pieces of a stream that are kept for those who come to them later. */
const KEPT = 4
/** Milliseconds of rest between two rounds, for each follower of this process: so that telling thousands leaves time for others. */
const REST_EACH = 0.25

/** What comes next in a job's stream, as it is sent. */
export interface Piece {
  /** Server-sent events; empty when there is nothing new. Whoever is sent it is sent the same bytes, in the same memory. */
  bytes: Buffer
  /** The id of the last entry in it. */
  last: string
  /** Whether it ends with the job's end. */
  isEnd: boolean
}

/** Somebody who follows a job. */
export interface Follower {
  /** What comes after an entry; at once, also when there is nothing. */
  read(after: string): Promise<Piece>
  leave(): void
}

/** Reads the streams of jobs, each once for all who follow it. */
export interface JobFeed {
  /** @param onNews Told when there may be more to read, and now and then without. */
  follow(jobId: string, onNews: () => void): Follower
}

/** What those who follow one job share. */
interface Feed {
  followers: Set<() => void>
  /** Pieces with something in them, by the entry before them: what they hold never changes. */
  kept: Map<string, Piece>
  /** Readings since the last news. */
  readings: Map<string, Promise<Piece>>
  /** How many entries are read at once. */
  count: number
  stop(): void
}

export function createJobFeed(redis: Redis, hub: JobHub): JobFeed {
  const feeds = new Map<string, Feed>()
  let everybody = 0

  function open(jobId: string): Feed {
    let timer: NodeJS.Timeout | undefined
    let last = 0
    const tell = () => {
      timer = undefined
      last = performance.now()
      feed.readings.clear()
      for (const onNews of feed.followers) onNews()
    }
    const stop = hub.onNews(jobId, () => {
      timer ??= setTimeout(tell, Math.max(0, last + REST_EACH * everybody - performance.now()))
    })
    const feed: Feed = {
      followers: new Set(),
      kept: new Map(),
      readings: new Map(),
      count: 4,
      stop() {
        clearTimeout(timer)
        stop()
      },
    }
    feeds.set(jobId, feed)
    return feed
  }

  function read(jobId: string, feed: Feed, after: string): Promise<Piece> {
    const kept = feed.kept.get(after)
    if (kept) return Promise.resolve(kept)
    const underWay = feed.readings.get(after)
    if (underWay) return underWay
    const reading = readPiece(redis, hub, jobId, feed.count, after).then(
      ({ count, ...piece }) => {
        feed.count = count
        if (piece.bytes.length > 0) feed.kept.set(after, piece)
        if (feed.kept.size > KEPT) feed.kept.delete(feed.kept.keys().next().value ?? '')
        return piece
      },
      // Redis is away: there may be more after the next news.
      () => ({ bytes: Buffer.alloc(0), last: after, isEnd: false }),
    )
    feed.readings.set(after, reading)
    return reading
  }

  return {
    follow(jobId, onNews) {
      const feed = feeds.get(jobId) ?? open(jobId)
      feed.followers.add(onNews)
      everybody++
      return {
        read: (after) => read(jobId, feed, after),
        leave() {
          if (!feed.followers.delete(onNews)) return
          everybody--
          if (feed.followers.size > 0) return
          feed.stop()
          feeds.delete(jobId)
        },
      }
    },
  }
}

/** @returns With how many entries to read the next time. */
async function readPiece(redis: Redis, hub: JobHub, jobId: string, count: number, after: string): Promise<Piece & { count: number }> {
  // Before the stream: what the job's worker has written before its end is there, then, too.
  const found = await hub.look(jobId)
  const { entries, missed, gone } = await readEntries(redis, jobId, after, count)
  const texts = entries.map(([id, [, event = 'log', , data = '{}']]) => serverSentEvent(event, id, data))
  const last = entries.at(-1)?.[0] ?? missed ?? after
  const isOver = !found || hasEnded(found.job)
  const isEnd = isOver && entries.length < count
  // What a reader has no way to see otherwise: that what followed its last entry is no longer kept.
  if (missed !== null || (gone && isOver && found?.job.started_at)) {
    texts.unshift(serverSentEvent('gap', missed, JSON.stringify({ from: after === '0-0' ? null : after, to: missed })))
  }
  if (isEnd) texts.push(serverSentEvent('done', last, JSON.stringify(found?.job ?? null)))
  const bytes = Buffer.from(texts.join(''))
  const next = bytes.length === 0 ? count : Math.floor((BATCH_SIZE * entries.length) / bytes.length)
  return { bytes, last, isEnd, count: Math.max(1, Math.min(BATCH, next)) }
}

/** An event as the HTML standard has it, section 9.2. The data is JSON, so without line breaks, unless somebody else wrote it. */
export function serverSentEvent(event: string, id: string | null, data: string): string {
  const lines = [`event: ${event.replace(/[\r\n]/g, ' ')}`, ...data.split(/\r\n|\r|\n/).map((line) => `data: ${line}`)]
  return `${[...lines, ...(id === null ? [] : [`id: ${id}`])].join('\n')}\n\n`
}
