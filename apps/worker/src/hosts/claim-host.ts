import type { Redis } from 'ioredis'
import { setTimeout as delay } from 'node:timers/promises'
import { type KnownHost, readHosts } from '@deployer/shared/hosts'
import {
  CLOCKS_KEY,
  HEARTBEATS_KEY,
  INVENTORY_CHANNEL,
  INVENTORY_KEY,
  type Inventory,
  LAST_SEEN_KEY,
  RENAMED_KEY,
} from '@deployer/shared/inventory'
import type { Logger } from '@deployer/shared/logger'
import { parseQueueName, queueName } from '@deployer/shared/queue'
import { RELEASES_KEY } from '@deployer/shared/releases'
import { SettingsError } from '@deployer/shared/settings'
import { holdsKey, skipsKey, updatesKey } from '@deployer/shared/updates'

/** What a worker says of where it is: its name, and what the host is whatever it is called. */
export type HostIdentity = Pick<Inventory, 'host' | 'engine' | 'data'>

/** Milliseconds until a worker that has died without a word counts as away, and some; and between two looks. */
const PATIENCE = 15_000
const LOOK = 500

/**
 * Makes sure that this worker's name stands for this engine and no other, and takes over what an earlier name of the engine has: stacks,
 * releases and holds here, jobs by `moveJobs`. A host is its engine, whose id outlives both names and containers.
 *
 * A living worker of this engine under another name keeps its own: two sets of stacks on one engine are two hosts as long as both live.
 *
 * @throws {SettingsError} for a name that is another engine's, and beside a living worker of the same name that has another DATA_DIR.
 */
export async function claimHost(redis: Redis, logger: Logger, me: HostIdentity): Promise<void> {
  const { host, engine } = me
  if (engine === null) return
  const firstBeats = new Map<string, number>()
  const neighbors = new Set<string>()
  for (let waited = 0; ; waited += LOOK) {
    const { hosts, now } = await readHosts(redis)
    const namesake = hosts.find((other) => other.host === host)
    if (namesake && namesake.engine !== null && namesake.engine !== engine) throw new SettingsError(twoEngines(namesake))
    const here = hosts.filter((other) => other.engine === engine && !neighbors.has(other.host))
    const living = here.find((other) => other.online && (other.host !== host || (other.data !== null && other.data !== me.data)))
    if (!living) {
      await redis.hdel(RENAMED_KEY, host)
      for (const former of here) if (former.host !== host) await takeOver(redis, logger, former, me)
      return
    }
    // One that has died without a word is online for a while, but not heard of again.
    const beat = now - (living.heartbeatAge ?? 0)
    const lives = beat > (firstBeats.get(living.host) ?? beat)
    if (!firstBeats.has(living.host)) firstBeats.set(living.host, beat)
    if (!lives && waited < PATIENCE) await delay(LOOK)
    else if (living.host === host) throw new SettingsError(twoFolders(host))
    else {
      neighbors.add(living.host)
      logger.warn(
        { event: 'two_hosts_on_one_engine', host, other: living.host },
        'another worker under another name lives on this engine; if both are for the same stacks, give them one name and one DATA_DIR',
      )
    }
  }
}

/** In one step, so that whoever dies in the middle leaves a name that still has its jobs, or one that is known to have had them. */
async function takeOver(redis: Redis, logger: Logger, { host: former, stacks, version }: KnownHost, me: HostIdentity): Promise<void> {
  const releases = Object.entries(await redis.hgetall(RELEASES_KEY)).filter(([queue]) => parseQueueName(queue)?.host === former)
  const members = (await redis.zrange(HEARTBEATS_KEY, 0, '-1')).filter((member) => member.startsWith(`${former} `))
  const steps = redis
    .multi()
    .hset(RENAMED_KEY, former, me.host)
    .hdel(INVENTORY_KEY, former)
    .hdel(CLOCKS_KEY, former)
    .hdel(LAST_SEEN_KEY, former)
  steps.hset(INVENTORY_KEY, me.host, JSON.stringify({ ...me, version, stacks } satisfies Inventory))
  for (const [queue, json] of releases) {
    steps.hset(RELEASES_KEY, queueName(me.host, parseQueueName(queue)?.stack ?? ''), json).hdel(RELEASES_KEY, queue)
  }
  for (const member of members) steps.zrem(HEARTBEATS_KEY, member)
  for (const key of [holdsKey, skipsKey, updatesKey]) {
    const told = await redis.hgetall(key(former))
    if (Object.keys(told).length > 0) steps.hset(key(me.host), told).del(key(former))
  }
  await steps.publish(INVENTORY_CHANNEL, me.host).exec()
  logger.warn(
    { event: 'host_renamed', former, host: me.host, stacks: stacks.length },
    'this engine had another name; its stacks and jobs go on here',
  )
}

function twoEngines({ host, online }: KnownHost): string {
  const todo = `Give this one another name; or, if the former engine is gone for good, forget it: deployer hosts forget ${host}`
  return `WORKER_NAME is "${host}", which is the name of another Docker Engine${online ? ', whose worker lives' : ''}. ${todo}`
}

function twoFolders(host: string): string {
  return `DATA_DIR is not that of the living worker of "${host}". All workers of one host share one DATA_DIR, which keeps them apart: give this one the same folder, or stop that one.`
}
