import { unlessRefused } from '@deployer/shared/check-redis'
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import {
  CLOCK_TOLERANCE,
  CLOCKS_KEY,
  HEARTBEAT_EXPIRY,
  HEARTBEAT_INTERVAL,
  HEARTBEATS_KEY,
  INVENTORY_CHANNEL,
  INVENTORY_KEY,
  type Inventory,
  type InventoryStack,
  LAST_SEEN_KEY,
} from '@deployer/shared/inventory'
import type { Logger } from '@deployer/shared/logger'
import { settleWithin } from '@deployer/shared/settle-within'
import { version } from '@deployer/shared/version'
import type { HostIdentity } from '../hosts/claim-host.ts'
import type { Container, Engine } from '../ports.ts'
import { listStacks } from '../stacks/list-stacks.ts'
import { isOwn } from '../stacks/own-containers.ts'
import type { StacksRoot } from '../stacks/locate-stack.ts'
import { defaultProjectName } from '../stacks/project-name.ts'
import { isBroken, isRunning } from '../release/compare.ts'
import type { DriftLook } from './drift-look.ts'
import { createImageNames } from './image-names.ts'
import { watchContainers } from './watch-containers.ts'

/** Milliseconds between two looks at the stacks' folder. A look, since change notices do not come through every kind of mount. */
const LOOK_INTERVAL = 1000
/** The inventory is written again this often, even unchanged: Redis may have lost it. */
const REPEAT_AFTER = 60_000
/** Touched at each heartbeat that has reached Redis, for the image's health check. */
const HEARTBEAT_FILE = join(tmpdir(), 'deployer-worker-alive')
/** A worker lives, by Redis's clock: one whose own is ahead would take the others for dead. @returns How far this one's is ahead, in milliseconds. */
const BEAT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4] - now)
redis.call('HSET', KEYS[3], ARGV[3], now)
return ARGV[4] - now`
/** Milliseconds that a stop waits for Redis. */
const GOODBYE = 1000

/** What the inventory is put together from. */
export interface InventoryTools {
  redis: Redis
  logger: Logger
  engine: Engine
  root: StacksRoot
  identity: HostIdentity
  drift: DriftLook
}

/**
 * Tells Redis what stacks this host has and that it lives, until it is stopped.
 *
 * @param onStack Called for each stack that was not there before, before it is published.
 * @param onLoss Called when Redis has lost what was told, before it is told again.
 * @param onChange Called for each stack whose running containers are others than before, and once for each that has some.
 * @returns Stops it, and takes this worker out of those that live.
 */
export async function publishInventory(
  { redis, logger, engine, root, identity, drift }: InventoryTools,
  onStack: (stack: string) => Promise<void>,
  onChange: (stack: string) => void,
  onLoss: () => Promise<void>,
): Promise<() => Promise<void>> {
  const { host } = identity
  const member = `${host} ${randomUUID()}`
  let containers: Container[] = []
  const imageNames = createImageNames(engine)
  const lastSeen = new Map<string, string>()
  let published = ''
  let hasTold = false
  let publishedAt = 0
  let updating = Promise.resolve()
  let waiting: Promise<void> | undefined
  let clockTold = false
  let beating: Promise<void> | undefined

  /** Compose has not always said where a project was started from. */
  const isHere = (workingDir: string) => workingDir === '' || workingDir.startsWith(`${root.onHost}/`)
  const isLost = async () => hasTold && (published === '' || (await redis.hexists(INVENTORY_KEY, host)) === 0)

  async function update(): Promise<void> {
    const lost = await isLost()
    if (lost) {
      logger.error({ event: 'redis_lost' }, 'Redis has lost what it held; the inventory is published again')
      published = ''
      await onLoss()
      lastSeen.clear()
    }
    const names = await listStacks(root.here)
    for (const name of names) await onStack(name)
    const images = await imageNames(containers)
    const inventory: Inventory = {
      ...identity,
      version,
      stacks: names.map((name) => {
        const own = ownContainers(root, name, containers)
        return { ...describe(name, own, images), drifted: drift(name, own) }
      }),
    }
    const json = JSON.stringify(inventory)
    if (json === published && Date.now() - publishedAt < REPEAT_AFTER) return
    await redis.multi().hset(INVENTORY_KEY, host, json).publish(INVENTORY_CHANNEL, host).exec()
    if (json !== published) logger.info({ event: 'inventory', stacks: names.length }, 'inventory published')
    published = json
    hasTold = true
    publishedAt = Date.now()
    if (lost) await tellChanges()
  }

  /** One update at a time, and at most one that waits for it: with Redis away nothing may pile up. */
  const refresh = () =>
    (waiting ??= updating = updating
      .then(() => {
        waiting = undefined
        return update()
      })
      .catch((error: unknown) => {
        logger.error({ event: 'inventory_failed', err: error }, 'the inventory could not be published')
      }))
  async function tellChanges(): Promise<void> {
    for (const name of await listStacks(root.here).catch(() => [])) {
      const running = ownContainers(root, name, containers).filter(isRunning)
      const seen = running
        .map(({ id }) => id)
        .sort()
        .join()
      if (seen !== (lastSeen.get(name) ?? '')) onChange(name)
      lastSeen.set(name, seen)
    }
  }
  const beat = () => (beating ??= beatOnce().finally(() => (beating = undefined)))
  async function beatOnce(): Promise<void> {
    if (await isLost()) await refresh()
    // After a loss the worker counts as there again with its stacks, not before.
    if (published === '' && hasTold) return
    const args = [member, 100 * HEARTBEAT_EXPIRY, host, Date.now()]
    const ahead = (await redis.eval(BEAT, 3, HEARTBEATS_KEY, CLOCKS_KEY, LAST_SEEN_KEY, ...args)) as number
    if (Math.abs(ahead) > CLOCK_TOLERANCE && !clockTold) {
      clockTold = true
      logger.warn({ event: 'clock_differs', ahead_ms: ahead }, "this host's clock differs from Redis's: times in its jobs do too")
    }
    await writeFile(HEARTBEAT_FILE, '').catch((error: unknown) => {
      logger.warn({ event: 'heartbeat_unwritten', err: error }, 'the file of the health check cannot be written')
    })
  }
  const beatNow = () => void beat().catch(() => undefined)
  redis.on('ready', beatNow)
  const stopWatching = watchContainers(engine, logger, isHere, (list) => {
    containers = list
    void refresh().then(tellChanges)
  })
  await beat().catch(unlessRefused)
  await refresh()
  const timers = [setInterval(() => void refresh(), LOOK_INTERVAL), setInterval(beatNow, HEARTBEAT_INTERVAL)]
  return async () => {
    timers.forEach((timer) => clearInterval(timer))
    redis.off('ready', beatNow)
    await stopWatching()
    await settleWithin(GOODBYE, updating)
    await settleWithin(GOODBYE, redis.multi().zrem(HEARTBEATS_KEY, member).publish(INVENTORY_CHANNEL, host).exec())
  }
}

/** A stack's containers, by the folder that they were started from. */
export function ownContainers(root: StacksRoot, name: string, containers: Container[]): Container[] {
  const project = defaultProjectName(name, {})
  const dir = `${root.onHost}/${name}`
  const paths = { name, dir: join(root.here, name), workingDir: dir }
  return containers.filter((one) => {
    if (one.workingDir === '') return one.project === project
    return one.workingDir === dir || (one.workingDir.startsWith(`${dir}/`) && isOwn(one, paths))
  })
}

function describe(name: string, own: Container[], names: Map<string, string>): Omit<InventoryStack, 'drifted'> {
  const images = Object.fromEntries(own.flatMap(({ id, service }) => (names.has(id) ? [[service, names.get(id) ?? '']] : [])))
  const servicesOf = (containers: Container[]) => [...new Set(containers.map(({ service }) => service))].sort()
  const services = servicesOf(own)
  const runs = new Set(own.filter(isRunning).map(({ service }) => service))
  const stopped = services.filter((service) => !runs.has(service))
  return { name, services, running: runs.size > 0, broken: servicesOf(own.filter(isBroken)), stopped, images }
}
