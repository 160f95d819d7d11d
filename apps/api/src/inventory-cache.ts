import type { Redis } from 'ioredis'
import {
  HEARTBEAT_EXPIRY,
  HEARTBEATS_KEY,
  INVENTORY_CHANNEL,
  INVENTORY_KEY,
  Inventory,
  type InventoryStack,
} from '@deployer/shared/inventory'
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
  hosts(): { name: string; online: boolean; heartbeatAge: number; stacks: number }[]
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
  let hosts: Inventory[] = []
  let heartbeats = new Map<string, number>()
  let refreshing: Promise<void> | undefined

  async function load(): Promise<void> {
    if (redis.status !== 'ready') return
    const answers = await redis.pipeline().hgetall(INVENTORY_KEY).zrange(HEARTBEATS_KEY, 0, '-1', 'WITHSCORES').exec()
    // What could not be read leaves what is known as it is.
    for (const [error] of answers ?? []) if (error) throw error
    const published = (answers?.[0]?.[1] ?? {}) as Record<string, string>
    hosts = Object.values(published).flatMap((json) => {
      const parsed = Inventory.safeParse(parseJson(json))
      return parsed.success ? [parsed.data] : []
    })
    const beats = (answers?.[1]?.[1] ?? []) as string[]
    heartbeats = new Map()
    for (let at = 0; at < beats.length; at += 2) {
      const host = (beats[at] ?? '').split(' ')[0] ?? ''
      heartbeats.set(host, Math.max(heartbeats.get(host) ?? 0, Number(beats[at + 1])))
    }
  }

  function refresh(): Promise<void> {
    refreshing ??= load()
      .catch((error: unknown) => logger.debug({ event: 'inventory_unread', err: error }, 'the inventory could not be read'))
      .finally(() => (refreshing = undefined))
    return refreshing
  }

  const isOnline = (host: string) => Date.now() - (heartbeats.get(host) ?? 0) < HEARTBEAT_EXPIRY
  const stacks = () => hosts.flatMap(({ host, stacks }) => stacks.map((stack) => ({ ...stack, host, online: isOnline(host) })))
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
      hosts.map(({ host, stacks }) => ({
        name: host,
        online: isOnline(host),
        heartbeatAge: Date.now() - (heartbeats.get(host) ?? 0),
        stacks: stacks.length,
      })),
    anyWorker: () => hosts.some(({ host }) => isOnline(host)),
    stop: () => clearInterval(timer),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
