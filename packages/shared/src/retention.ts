import type { Redis } from 'ioredis'
import { expectKey } from './expect.ts'
import { wholeKey } from './job-data.ts'
import { jobStreamKey } from './job-stream.ts'
import { jobKey, KEY_PREFIX } from './queue.ts'
import { endedKey, runKey } from './run-record.ts'

/**
 * At most this many finished jobs a stack can be read, 200 together. Failed ones have a share of their own, and so have those that only look (checks,
 * plans): however many there are, what has changed something stays.
 */
const JOBS = { completed: { changes: 130, looks: 20 }, failed: { changes: 40, looks: 10 } }
/** BullMQ counts whatever has ended in the same way together: it is only to keep a queue from growing where nobody counts them apart. */
const MOST = 200

/** The live logs of this many finished jobs are kept for each stack, as long as they have no more bytes than this together; the newest always is. */
const LOGS = { jobs: 10, bytes: 1_000_000 }

/** What the queues of all stacks have in common. Nothing reads BullMQ's own event stream; left to itself it holds 10,000 entries for each queue. */
export const QUEUE_OPTIONS = { prefix: KEY_PREFIX, skipVersionCheck: true, streams: { events: { maxLen: 10 } } }

/** @param age Seconds that a job can be read after its end. How many are kept is decided by {@link forgetRecords}. */
export function jobOptions(age: number) {
  return { attempts: 1, removeOnComplete: { age, count: MOST }, removeOnFail: { age, count: MOST } }
}

const FORGET = `
for set = 2, 3 do
  local left = {changes = tonumber(ARGV[2 * set + 4]), looks = tonumber(ARGV[2 * set + 5])}
  for _, id in ipairs(redis.call('ZREVRANGE', KEYS[set], 0, -1)) do
    local name = redis.call('HGET', ARGV[1] .. id, 'name')
    local kind = (name == 'check' or name == 'plan') and 'looks' or 'changes'
    left[kind] = left[kind] - 1
    if left[kind] < 0 then
      redis.call('ZREM', KEYS[set], id)
      redis.call('UNLINK', ARGV[1] .. id, ARGV[1] .. id .. ':logs')
    end
  end
end
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

/** Lets go of ended jobs beyond those that are kept, of what is kept of a queue's jobs that BullMQ no longer has, and of live logs beyond those that are kept. */
export async function forgetRecords(redis: Redis, queue: string): Promise<void> {
  const prefixes = [jobKey(queue, ''), runKey(''), expectKey(''), jobStreamKey('')]
  const keys = [endedKey(queue), jobKey(queue, 'completed'), jobKey(queue, 'failed')]
  const shares = [JOBS.completed, JOBS.failed].flatMap(({ changes, looks }) => [changes, looks])
  await redis.eval(FORGET, keys.length, ...keys, ...prefixes, LOGS.jobs, LOGS.bytes, wholeKey(''), ...shares)
}
