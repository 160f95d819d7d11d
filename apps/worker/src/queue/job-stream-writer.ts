import type { Redis } from 'ioredis'
import { encodeJobNews, JOB_CHANNEL, JOB_STREAM_LENGTH, jobStreamKey } from '@deployer/shared/job-stream'

/** Lines of output are sent together, at most this many milliseconds after the first of them. */
const FLUSH_AFTER = 50

/** Writes a job's live stream. */
export interface JobStreamWriter {
  add(event: string, data: Record<string, unknown>): void
  /** Sends what is left. */
  flush(): Promise<void>
}

/** @param retention Seconds that the stream is kept after its last entry. */
export function createJobStreamWriter(redis: Redis, jobId: string, retention: number, onError: (error: Error) => void): JobStreamWriter {
  const key = jobStreamKey(jobId)
  let waiting: [event: string, data: string][] = []
  let timer: NodeJS.Timeout | undefined
  let sending = Promise.resolve()

  async function send(entries: [string, string][]): Promise<void> {
    const pipeline = redis.pipeline()
    for (const [event, data] of entries) pipeline.xadd(key, 'MAXLEN', '~', JOB_STREAM_LENGTH, '*', 'event', event, 'data', data)
    pipeline.expire(key, retention)
    pipeline.publish(JOB_CHANNEL, encodeJobNews(jobId, 'stream'))
    await pipeline.exec().catch(onError)
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const entries = waiting
    waiting = []
    if (entries.length > 0) sending = sending.then(() => send(entries))
    return sending
  }

  return {
    add(event, data) {
      waiting.push([event, JSON.stringify(data)])
      timer ??= setTimeout(() => void flush(), FLUSH_AFTER)
    },
    flush,
  }
}
