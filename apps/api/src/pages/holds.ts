import type { Redis } from 'ioredis'
import { Hold, holdsKey, skipsKey } from '@deployer/shared/updates'

/** Nobody deploys the stack until the hold is over, or released. */
export async function holdStack(redis: Redis, host: string, stack: string, hold: Hold): Promise<void> {
  await redis.hset(holdsKey(host), stack, JSON.stringify(Hold.parse(hold)))
}

/** @returns Whether it was held. */
export async function releaseStack(redis: Redis, host: string, stack: string): Promise<boolean> {
  return (await redis.hdel(holdsKey(host), stack)) > 0
}

/** Watching leaves this digest out. */
export async function skipDigest(redis: Redis, host: string, stack: string, service: string, digest: string): Promise<void> {
  await redis.hset(skipsKey(host), `${stack}/${service}`, digest)
}
