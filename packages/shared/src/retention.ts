import type { Redis } from 'ioredis'
import { expectKey } from './expect.ts'
import { wholeKey } from './job-data.ts'
import { jobStreamKey } from './job-stream.ts'
import { jobKey, KEY_PREFIX } from './queue.ts'
import { endedKey, runKey } from './run-record.ts'

/** At most this many finished jobs a stack can be read; of those, failed ones have a share of their own. */
const JOBS = { succeeded: 150, failed: 50 }

/** The live logs of this many finished jobs are kept for each stack, as long as they have no more bytes than this together; the newest always is. */
const LOGS = { jobs: 10, bytes: 1_000_000 }

/** What the queues of all stacks have in common. Nothing reads BullMQ's own event stream; left to itself it holds 10,000 entries for each queue. */
export const QUEUE_OPTIONS = { prefix: KEY_PREFIX, skipVersionCheck: true, streams: { events: { maxLen: 10 } } }

/** @param age Seconds that a job can be read after its end. */
export function jobOptions(age: number) {
  return { attempts: 1, removeOnComplete: { age, count: JOBS.succeeded }, removeOnFail: { age, count: JOBS.failed } }
}

const FORGET = `
local logs, bytes = 0, 0
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
  if redis.call('EXISTS', ARGV[1] .. id) == 0 then
    redis.call('UNLINK', ARGV[2] .. id, ARGV[3] .. id, ARGV[4] .. id, ARGV[7] .. id)
    redis.call('ZREM', KEYS[1], id)
  else
    local size = redis.call('MEMORY', 'USAGE', ARGV[4] .. id, 'SAMPLES', 0)
    if size then
      logs = logs + 1
      bytes = bytes + size
      if logs > tonumber(ARGV[5]) or (bytes > tonumber(ARGV[6]) and logs > 1) then redis.call('UNLINK', ARGV[4] .. id) end
    end
  end
end`

/** Lets go what is kept of a queue's jobs that BullMQ no longer has, and live logs beyond those that are kept. */
export async function forgetRecords(redis: Redis, queue: string): Promise<void> {
  const prefixes = [jobKey(queue, ''), runKey(''), expectKey(''), jobStreamKey('')]
  await redis.eval(FORGET, 1, endedKey(queue), ...prefixes, LOGS.jobs, LOGS.bytes, wholeKey(''))
}
