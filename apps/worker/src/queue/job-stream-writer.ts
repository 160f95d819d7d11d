import type { Redis } from 'ioredis'
import { encodeJobNews, JOB_CHANNEL, JOB_STREAM_BYTES, jobStreamKey } from '@deployer/shared/job-stream'
import { createStreamBacklog } from './stream-backlog.ts'

/** Lines of output are sent together, at most this many milliseconds after the first of them. */
const FLUSH_AFTER = 50

/** Writes a job's live stream. What comes faster than Redis takes it loses lines out of its middle, and says so. */
export interface JobStreamWriter {
  add(event: string, data: Record<string, unknown>): void
  /** Sends what is left. */
  flush(): Promise<void>
}

/**
 * Adds to a stream, and lets its oldest entries go where it has too many bytes. The last of these is deleted by itself: Redis remembers the id of
 * an entry that was deleted, not of those that were trimmed, and readers can be told by it that they have missed something.
 */
const APPEND = `
local stream, most = KEYS[1], tonumber(ARGV[1])
for i = 4, #ARGV, 2 do redis.call('XADD', stream, '*', 'event', ARGV[i], 'data', ARGV[i + 1]) end
for _ = 1, 8 do
  local bytes, length = redis.call('MEMORY', 'USAGE', stream, 'SAMPLES', 0), redis.call('XLEN', stream)
  if bytes <= most or length == 1 then break end
  local kept = math.max(1, math.floor(length * most / bytes * 0.9))
  redis.call('XTRIM', stream, 'MAXLEN', kept + 1)
  redis.call('XDEL', stream, redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1])
end
redis.call('EXPIRE', stream, ARGV[2])
redis.call('PUBLISH', KEYS[2], ARGV[3])`

/** @param retention Seconds that the stream is kept after its last entry, unless its job goes before. */
export function createJobStreamWriter(redis: Redis, jobId: string, retention: number, onError: (error: Error) => void): JobStreamWriter {
  const keys = [jobStreamKey(jobId), JOB_CHANNEL]
  const backlog = createStreamBacklog()
  let timer: NodeJS.Timeout | undefined
  let sending: Promise<void> | undefined

  /** One batch at a time, so that no more than one is under way and one waits. */
  async function send(): Promise<void> {
    while (!backlog.isEmpty()) {
      const entries = backlog.take().flatMap(({ event, data }) => [event, JSON.stringify(data)])
      await redis.eval(APPEND, keys.length, ...keys, JOB_STREAM_BYTES, retention, encodeJobNews(jobId, 'stream'), ...entries).catch(onError)
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
