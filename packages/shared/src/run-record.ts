import type { Redis } from 'ioredis'
import { COUNTERS_KEY, countJob } from './counters.ts'
import { encodeJobNews, JOB_CHANNEL } from './job-stream.ts'
import { expectKey } from './expect.ts'
import { type Job, RunReport } from './job.ts'
import { Asker, type JobData, wholeKey } from './job-data.ts'
import { jobEntry, OUTBOX_KEY, OUTBOX_LENGTH } from './outbox.ts'
import { KEY_PREFIX, queueName, waitingKey } from './queue.ts'

/**
 * Where a job is between being queued and having ended.
 * `running` may be canceled, `applying` (from `up` on) may not.
 */
export type Phase = 'running' | 'canceling' | 'canceled' | 'applying'

/**
 * The hash that holds how a job's run went. Fields: `round` (BullMQ's attemptsMade: 0, unless somebody with another tool has BullMQ run
 * an ended job again), `attempt` (starts within the round: more than one when a worker died), `phase`, `report` (JSON), `whole` (who has
 * joined what watching had asked for).
 * Round and attempt are the fence: a worker that was frozen and wakes up cannot write over the run that replaced its own.
 */
export function runKey(jobId: string): string {
  return `${KEY_PREFIX}:run:${jobId}`
}

/** Sorted set: the ids of a queue's jobs that have ended and of which something is kept beside BullMQ's own hash; scored by when. */
export function endedKey(queue: string): string {
  return `${KEY_PREFIX}:ended:${queue}`
}

/** Identifies one start of a job; what it writes is refused once another start has followed. */
export interface RunFence {
  jobId: string
  round: number
  attempt: number
}

/** What an API of 0.1.0 needs to find in a report, or it takes the job for failed. */
const FOR_THE_FORMER_RELEASE = { former: null }

/** Seconds that a record is kept beyond its job's time, since BullMQ lets jobs go only when others end. */
const LONGER = 86_400

/** Seconds that what belongs to a job which has not ended is kept: its host may be away for long. */
export const UNENDED_LIFETIME = 365 * 86_400

/** Jobs whose start is worth a word. */
const CHANGES = new Set<JobData['action']>(['deploy', 'rollback'])

const BEGIN = `
if redis.call('GET', KEYS[2]) == ARGV[3] then redis.call('DEL', KEYS[2]) end
if redis.call('HGET', KEYS[1], 'round') ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'round', ARGV[1], 'phase', 'running')
end
local asker = redis.call('GETDEL', KEYS[4])
if asker then redis.call('HSET', KEYS[1], 'whole', asker) end
local attempt = redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[3], ARGV[2])
local rest = redis.call('HMGET', KEYS[1], 'phase', 'report', 'whole')
if attempt == 1 and rest[1] == 'running' and ARGV[4] ~= '' then
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', ${OUTBOX_LENGTH}, '*', 'entry', ARGV[4])
end
return {attempt, rest[1], rest[2] or '', redis.call('HGETALL', KEYS[3]), rest[3] or ''}`

const SAVE = `
local fence = redis.call('HMGET', KEYS[1], 'round', 'attempt')
if not fence[1] then return 'gone' end
if fence[1] ~= ARGV[1] or fence[2] ~= ARGV[2] then return 'replaced' end
redis.call('HSET', KEYS[1], 'report', ARGV[3])
if ARGV[5] ~= '' then
  redis.call('PUBLISH', KEYS[2], ARGV[5])
  for _, kept in ipairs({KEYS[1], KEYS[4]}) do redis.call('EXPIRE', kept, ARGV[4]) end
  local now = redis.call('TIME')
  redis.call('ZADD', KEYS[5], now[1], ARGV[6])
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', ${OUTBOX_LENGTH}, '*', 'entry', ARGV[7])
end
for i = 8, #ARGV, 2 do redis.call('HINCRBY', KEYS[3], ARGV[i], ARGV[i + 1]) end
return 'kept'`

const APPLY = `
local run = redis.call('HMGET', KEYS[1], 'round', 'attempt', 'phase')
if run[1] ~= ARGV[1] or run[2] ~= ARGV[2] then return 'lost' end
if run[3] ~= 'running' and run[3] ~= 'applying' then return run[3] end
redis.call('HSET', KEYS[1], 'phase', 'applying')
return 'applying'`

const CANCEL = `
local run = redis.call('HMGET', KEYS[1], 'round', 'phase', 'report')
if run[1] ~= ARGV[1] then
  if redis.call('GET', KEYS[3]) == ARGV[5] then redis.call('DEL', KEYS[3]) end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'round', ARGV[1], 'phase', 'canceled')
  redis.call('EXPIRE', KEYS[1], ARGV[2])
  redis.call('PUBLISH', KEYS[2], ARGV[3])
  return 'canceled'
end
if run[2] == 'running' then
  redis.call('HSET', KEYS[1], 'phase', 'canceling')
  redis.call('PUBLISH', KEYS[2], ARGV[4])
  return 'canceling'
end
return run[2]`

/**
 * Marks the start of a run and tells what is known of the job from earlier starts. From here on a request makes a job of its own: this
 * one may already have passed what the request is about.
 *
 * @returns `whole`: the request that has joined the job, which makes it one about all of the stack, whatever its `only` says.
 */
export async function beginRun(
  redis: Redis,
  jobId: string,
  job: JobData,
  round: number,
): Promise<{ fence: RunFence; phase: Phase; report: RunReport | null; expect: Record<string, string>; whole: Asker | null }> {
  const keys = [runKey(jobId), waitingKey(job), expectKey(jobId), wholeKey(jobId), OUTBOX_KEY]
  const started = CHANGES.has(job.action) ? jobEntry(jobId, job, null) : ''
  const begun = await redis.eval(BEGIN, keys.length, ...keys, String(round), UNENDED_LIFETIME, jobId, started)
  const [attempt, phase, report, expected, whole] = begun as [number, Phase, string, string[], string]
  const expect: Record<string, string> = {}
  for (let at = 0; at + 1 < expected.length; at += 2) expect[expected[at] ?? ''] = expected[at + 1] ?? ''
  const former = report ? RunReport.parse(JSON.parse(report)) : null
  return { fence: { jobId, round, attempt }, phase, report: former, expect, whole: whole === '' ? null : readAsker(whole, job) }
}

/** An API of the release before does not say who it was. */
function readAsker(whole: string, { caller }: JobData): Asker {
  const json: unknown = JSON.parse(whole)
  return Asker.safeParse(json).data ?? { source: 'request', caller }
}

/**
 * Stores what a run has come to. A report with `finished_at` ends the job for all who read it.
 *
 * @param job What it was about, for the counters, which are raised in the same step as the job ends, and for the outbox, which gets its end in that step too: once, whatever process dies.
 * @param retention Seconds that the job can be read after its end.
 * @returns `replaced` when another start has followed this one, `gone` when Redis has lost the run.
 */
export async function saveReport(
  redis: Redis,
  fence: RunFence,
  job: JobData,
  report: RunReport,
  retention: number,
): Promise<'kept' | 'replaced' | 'gone'> {
  const news = report.finished_at ? encodeJobNews(fence.jobId, 'end') : ''
  const counts = report.finished_at ? countJob(job, report) : []
  const ended = endedKey(queueName(job.host, job.stack))
  const keys = [runKey(fence.jobId), JOB_CHANNEL, COUNTERS_KEY, expectKey(fence.jobId), ended, OUTBOX_KEY]
  const args = [
    String(fence.round),
    String(fence.attempt),
    JSON.stringify({ ...report, ...FOR_THE_FORMER_RELEASE }),
    retention + LONGER,
    news,
    fence.jobId,
    report.finished_at ? jobEntry(fence.jobId, job, report) : '',
    ...counts,
  ]
  return (await redis.eval(SAVE, keys.length, ...keys, ...args)) as 'kept' | 'replaced' | 'gone'
}

/** Passes the point after which a job is no longer cancelable; tells when somebody was faster. */
export async function enterApplying(redis: Redis, fence: RunFence): Promise<Phase | 'lost'> {
  const args = [String(fence.round), String(fence.attempt)]
  return (await redis.eval(APPLY, 1, runKey(fence.jobId), ...args)) as Phase | 'lost'
}

/**
 * Asks for a job to be canceled.
 *
 * @param round BullMQ's attemptsMade of the job.
 * @returns `canceled`: it had not begun and never will; `canceling`: its worker was told; `applying`: too late.
 */
export async function requestCancel(
  redis: Redis,
  { job_id: jobId, host, stack, action, to }: Pick<Job, 'job_id' | 'host' | 'stack' | 'action' | 'to'>,
  round: number,
): Promise<Phase> {
  const args = [String(round), UNENDED_LIFETIME, encodeJobNews(jobId, 'end'), encodeJobNews(jobId, 'cancel'), jobId]
  // A request that comes after this must not join a job that will never run.
  const waiting = waitingKey({ host, stack, action, to: to ?? undefined })
  return (await redis.eval(CANCEL, 3, runKey(jobId), JOB_CHANNEL, waiting, ...args)) as Phase
}
