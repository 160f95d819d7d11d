import { Redis } from 'ioredis'
import { HEARTBEATS_KEY, INVENTORY_CHANNEL, INVENTORY_KEY } from '@deployer/shared/inventory'
import { QUEUES_KEY, queueName } from '@deployer/shared/queue'
import { RELEASES_KEY, type ReleaseSummary } from '@deployer/shared/releases'

/**
 * Tells an API what stacks a host has, as its worker does: for tests of the API alone. The host counts as away soon after.
 *
 * @param releases The kept releases by stack, the newest first.
 * @param images The images by stack and service.
 */
export async function publishStacks(
  url: string,
  host: string,
  stacks: string[],
  releases: Record<string, ReleaseSummary[]> = {},
  images: Record<string, Record<string, string>> = {},
) {
  const redis = new Redis(url)
  const inventory = {
    host,
    version: '0.0.0',
    stacks: stacks.map((name) => ({ name, services: ['web'], running: true, images: images[name] })),
  }
  await redis.hset(INVENTORY_KEY, host, JSON.stringify(inventory))
  await redis.zadd(HEARTBEATS_KEY, Date.now(), `${host} lab`)
  for (const stack of stacks) {
    await redis.sadd(QUEUES_KEY, queueName(host, stack))
    await redis.hset(RELEASES_KEY, queueName(host, stack), JSON.stringify(releases[stack] ?? []))
  }
  await redis.publish(INVENTORY_CHANNEL, host)
  redis.disconnect()
}

/** A digest that is made of one letter. */
export function digestOf(letter: string): string {
  return `sha256:${letter.repeat(64)}`
}
