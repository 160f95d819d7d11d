import type { Redis } from 'ioredis'
import { encodeJobNews, JOB_CHANNEL, JOB_STREAM_LENGTH, jobStreamKey } from '@deployer/shared/job-stream'
import { createStreamBacklog } from './stream-backlog.ts'

/** Lines of output are sent together, at most this many milliseconds after the first of them. */
const FLUSH_AFTER = 50

/** Writes a job's live stream. What comes faster than Redis takes it loses lines out of its middle, and says so. */
export interface JobStreamWriter {
  add(event: string, data: Record<string, unknown>): void
  /** Sends what is left. */
  flush(): Promise<void>
}

/** @param retention Seconds that the stream is kept after its last entry. */
export function createJobStreamWriter(redis: Redis, jobId: string, retention: number, onError: (error: Error) => void): JobStreamWriter {
  const key = jobStreamKey(jobId)
  const backlog = createStreamBacklog()
  let timer: NodeJS.Timeout | undefined
  let sending: Promise<void> | undefined

  /** One batch at a time, so that no more than one is under way and one waits. */
  async function send(): Promise<void> {
    while (!backlog.isEmpty()) {
      const pipeline = redis.pipeline()
      for (const { event, data } of backlog.take()) {
        pipeline.xadd(key, 'MAXLEN', '~', JOB_STREAM_LENGTH, '*', 'event', event, 'data', JSON.stringify(data))
      }
      pipeline.expire(key, retention)
      pipeline.publish(JOB_CHANNEL, encodeJobNews(jobId, 'stream'))
      await pipeline.exec().catch(onError)
    }
    sending = undefined
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    if (sending === undefined && backlog.isEmpty()) return Promise.resolve()
    return (sending ??= send())
  }

  return {
    add(event, data) {
      backlog.add({ event, data })
      timer ??= setTimeout(() => void flush(), FLUSH_AFTER)
    },
    flush,
  }
}
