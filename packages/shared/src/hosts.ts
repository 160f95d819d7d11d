import type { Redis } from 'ioredis'
import { HEARTBEAT_EXPIRY, HEARTBEATS_KEY, INVENTORY_KEY, Inventory, LAST_SEEN_KEY } from './inventory.ts'

/** A host, and whether a worker of it lives. */
export interface KnownHost extends Inventory {
  online: boolean
  /** Milliseconds since it was last heard of; `null`: never. */
  heartbeatAge: number | null
  /** When it was heard of last, in milliseconds by Redis's clock; `null`: nobody knows. */
  lastSeen: number | null
}

/** Reads what the workers have told, by Redis's clock. */
export async function readHosts(redis: Redis): Promise<{ hosts: KnownHost[]; now: number }> {
  const answers = await redis
    .pipeline()
    .hgetall(INVENTORY_KEY)
    .zrange(HEARTBEATS_KEY, 0, '-1', 'WITHSCORES')
    .time()
    .hgetall(LAST_SEEN_KEY)
    .exec()
  for (const [error] of answers ?? []) if (error) throw error
  const [published, beats, time, seen] = (answers ?? []).map(([, answer]) => answer) as [
    Record<string, string>,
    string[],
    string[],
    Record<string, string>,
  ]
  const now = Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000)
  const last = new Map<string, number>()
  for (let at = 0; at < beats.length; at += 2) {
    const host = (beats[at] ?? '').split(' ')[0] ?? ''
    last.set(host, Math.max(last.get(host) ?? 0, Number(beats[at + 1])))
  }
  const hosts = Object.values(published).flatMap((json) => {
    const parsed = Inventory.safeParse(parseJson(json))
    if (!parsed.success) return []
    const beat = last.get(parsed.data.host)
    const heartbeatAge = beat === undefined ? null : now - beat
    const lastSeen = beat ?? (Number(seen[parsed.data.host]) || null)
    return [{ ...parsed.data, heartbeatAge, lastSeen, online: heartbeatAge !== null && heartbeatAge < HEARTBEAT_EXPIRY }]
  })
  return { hosts, now }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
