import type { Redis } from 'ioredis'
import { type KnownHost, readHosts } from '@deployer/shared/hosts'
import { CLOCK_TOLERANCE, HEARTBEAT_EXPIRY, INVENTORY_CHANNEL, type InventoryStack } from '@deployer/shared/inventory'
import type { Logger } from '@deployer/shared/logger'

/** A stack, on the host that has it. */
export interface HostedStack extends InventoryStack {
  host: string
  online: boolean
}

/** What the workers have published, kept in memory. */
export interface InventoryCache {
  /** Every stack of every host. */
  stacks(): HostedStack[]
  /** The hosts that have a stack; asks Redis again before it says none. */
  find(stack: string): Promise<HostedStack[]>
  /** Every host that has ever been heard of, with the milliseconds since then. */
  hosts(): {
    name: string
    online: boolean
    heartbeatAge: number
    lastSeen: number | null
    stacks: string[]
    version: string
    engine: string | null
  }[]
  /** Whether any worker lives, and its stacks are known. */
  anyWorker(): boolean
  /** Looks again now. */
  refresh(): Promise<void>
  stop(): void
}

/** Milliseconds between two looks; changes are also announced. */
const REFRESH_INTERVAL = 2000

/** @param subscriber A connection that is subscribed to announcements. */
export function createInventoryCache(redis: Redis, subscriber: Redis, logger: Logger): InventoryCache {
  let hosts: KnownHost[] = []
  /** When they were read, by this process's monotonic clock. */
  let readAt = 0
  let refreshing: Promise<void> | undefined
  let clockTold = false

  async function load(): Promise<void> {
    if (redis.status !== 'ready') return
    const read = await readHosts(redis)
    hosts = read.hosts
    readAt = performance.now()
    const ahead = Date.now() - read.now
    if (Math.abs(ahead) <= CLOCK_TOLERANCE || clockTold) return
    clockTold = true
    logger.warn({ event: 'clock_differs', ahead_ms: ahead }, "this API's clock differs from Redis's: signatures are judged by it")
  }

  function refresh(): Promise<void> {
    refreshing ??= load()
      .catch((error: unknown) => logger.debug({ event: 'inventory_unread', err: error }, 'the inventory could not be read'))
      .finally(() => (refreshing = undefined))
    return refreshing
  }

  const ageOf = ({ heartbeatAge }: KnownHost) => (heartbeatAge === null ? Infinity : heartbeatAge + performance.now() - readAt)
  const isOnline = (host: KnownHost) => ageOf(host) < HEARTBEAT_EXPIRY
  const stacks = () => hosts.flatMap((host) => host.stacks.map((stack) => ({ ...stack, host: host.host, online: isOnline(host) })))
  subscriber.on('message', (channel: string) => {
    if (channel === INVENTORY_CHANNEL) void refresh()
  })
  subscriber.on('ready', () => void refresh())
  const timer = setInterval(() => void refresh(), REFRESH_INTERVAL)
  void refresh()

  return {
    stacks,
    refresh,
    async find(name) {
      const found = stacks().filter((stack) => stack.name === name)
      if (found.length > 0) return found
      await refresh()
      return stacks().filter((stack) => stack.name === name)
    },
    hosts: () =>
      hosts.map((host) => ({
        name: host.host,
        online: isOnline(host),
        heartbeatAge: ageOf(host),
        lastSeen: host.lastSeen,
        stacks: host.stacks.map(({ name }) => name),
        version: host.version,
        engine: host.engine,
      })),
    anyWorker: () => hosts.some(isOnline),
    stop: () => clearInterval(timer),
  }
}
