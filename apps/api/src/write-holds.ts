import type { Redis } from 'ioredis'
import { tickQueue } from '@deployer/shared/queue'
import { type Hold, holdInForce, holdsKey, skipsKey, updatesKey } from '@deployer/shared/updates'
import type { JobQueue } from './jobs/job-queue.ts'

/** What holds are written with. */
interface HoldTools {
  redis: Redis
  queue: Pick<JobQueue, 'open'>
}

/** Nobody deploys the stack until the hold is over, or released. */
export async function holdStack(tools: HoldTools, host: string, stack: string, hold: Hold): Promise<void> {
  await tools.redis.hset(holdsKey(host), stack, JSON.stringify(hold))
  await wake(tools, host, stack)
}

/** @returns Whether it was held, and by what, where that can be read. */
export async function releaseStack(tools: HoldTools, host: string, stack: string): Promise<{ was_held: boolean; former: Hold | null }> {
  const { redis } = tools
  const [[, former], [, removed]] = (await redis.multi().hget(holdsKey(host), stack).hdel(holdsKey(host), stack).exec()) as [
    [null, string | null],
    [null, number],
  ]
  await wake(tools, host, stack)
  return { was_held: removed > 0, former: removed > 0 ? holdInForce(former, 0) : null }
}

/** Watching leaves this digest out. */
export async function skipDigest(redis: Redis, host: string, stack: string, service: string, digest: string): Promise<void> {
  await redis.hset(skipsKey(host), `${stack}/${service}`, digest)
}

/** Has the host decide anew about a stack that it watches: now, and when the hold will be over. */
async function wake({ redis, queue }: HoldTools, host: string, stack: string): Promise<void> {
  if ((await redis.hexists(updatesKey(host), stack)) === 0) return
  await queue.open(tickQueue(host)).add('wake', { stacks: [stack] }, { removeOnComplete: true, removeOnFail: true })
}
