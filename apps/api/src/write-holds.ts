import type { Redis } from 'ioredis'
import { type Hold, holdInForce, holdsKey, skipsKey } from '@deployer/shared/updates'

/** Nobody deploys the stack until the hold is over, or released. */
export async function holdStack(redis: Redis, host: string, stack: string, hold: Hold): Promise<void> {
  await redis.hset(holdsKey(host), stack, JSON.stringify(hold))
}

/** @returns Whether it was held, and by what, where that can be read. */
export async function releaseStack(redis: Redis, host: string, stack: string): Promise<{ was_held: boolean; former: Hold | null }> {
  const [[, former], [, removed]] = (await redis.multi().hget(holdsKey(host), stack).hdel(holdsKey(host), stack).exec()) as [
    [null, string | null],
    [null, number],
  ]
  return { was_held: removed > 0, former: removed > 0 ? holdInForce(former, 0) : null }
}

/** Watching leaves this digest out. */
export async function skipDigest(redis: Redis, host: string, stack: string, service: string, digest: string): Promise<void> {
  await redis.hset(skipsKey(host), `${stack}/${service}`, digest)
}
