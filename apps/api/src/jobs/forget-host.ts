import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { CLOCKS_KEY, HEARTBEATS_KEY, INVENTORY_CHANNEL, INVENTORY_KEY, LAST_SEEN_KEY, RENAMED_KEY } from '@deployer/shared/inventory'
import { emptyReport, type RunReport } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import { parseQueueName, tickQueue } from '@deployer/shared/queue'
import { RELEASES_KEY } from '@deployer/shared/releases'
import { requestCancel, runKey, saveReport } from '@deployer/shared/run-record'
import { holdsKey, skipsKey, updatesKey } from '@deployer/shared/updates'
import type { JobQueue } from './job-queue.ts'
import type { JobStore } from './job-store.ts'
import { hasEnded } from './to-job.ts'

/**
 * Forgets a host that is away for good: its stacks and releases are no longer told, and its jobs end, as every accepted job does. Those that waited
 * are canceled; of those that were running nobody will ever know.
 *
 * @param retention Seconds that a job can be read after its end.
 * @returns How many jobs have been ended.
 */
export async function forgetHost(redis: Redis, store: JobStore, queue: JobQueue, host: string, retention: number): Promise<number> {
  const names = (await store.queues()).filter((name) => parseQueueName(name)?.host === host)
  const members = (await redis.zrange(HEARTBEATS_KEY, 0, '-1')).filter((member) => member.startsWith(`${host} `))
  // First, so that nothing new is accepted for it.
  const steps = redis.multi().hdel(INVENTORY_KEY, host).hdel(CLOCKS_KEY, host).hdel(LAST_SEEN_KEY, host).hdel(RENAMED_KEY, host)
  for (const name of names) steps.hdel(RELEASES_KEY, name)
  steps.del(holdsKey(host), skipsKey(host), updatesKey(host))
  for (const member of members) steps.zrem(HEARTBEATS_KEY, member)
  await steps.publish(INVENTORY_CHANNEL, host).exec()
  await queue.open(tickQueue(host)).obliterate({ force: true })
  let ended = 0
  for (const name of names) ended += await endJobs(redis, store, queue.open(name), retention)
  return ended
}

async function endJobs(redis: Redis, store: JobStore, queue: Queue, retention: number): Promise<number> {
  let ended = 0
  for (const { id = '' } of await queue.getJobs(['waiting', 'active'])) {
    const found = await store.read(id)
    if (!found || hasEnded(found.job)) continue
    ended++
    if ((await requestCancel(redis, found.job, found.round)) === 'canceled') continue
    const [round, attempt] = await redis.hmget(runKey(id), 'round', 'attempt')
    const { started_at, steps, stack, host, action, to, source, by } = found.job
    const data: JobData = { stack, host, action, to: to ?? undefined, source, caller: by }
    const report: RunReport = {
      ...emptyReport(started_at ?? found.job.queued_at),
      state: 'failed',
      code: 'step_failed',
      message: 'Its host was forgotten while this job ran: how the stack is, nobody knows.',
      steps,
      expect: found.job.expect,
      finished_at: new Date().toISOString(),
    }
    await saveReport(redis, { jobId: id, round: Number(round), attempt: Number(attempt) }, data, report, retention)
  }
  return ended
}
