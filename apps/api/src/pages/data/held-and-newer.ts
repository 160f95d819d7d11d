import type { Redis } from 'ioredis'
import type { z } from 'zod'
import { Hold, holdsKey, skipsKey, StackUpdates, type Update, updatesKey } from '@deployer/shared/updates'

/** What is known of the images of a stack, and whether somebody holds it. */
export interface Watched {
  /** When the registries were asked last; `null`: never. */
  checked_at: string | null
  updates: Update[]
  hold: Hold | null
}

/** What waits for nothing but its time or its turn: a hold is in its way all the same. */
const ON_ITS_WAY = new Set<Update['state']>(['pending', 'settling', 'cooling', 'window'])

/**
 * Reads what the workers of some hosts have found out about images, and what is held and skipped there. What is not understood, such as a newer
 * worker's, is as if it were not there.
 *
 * @returns Tells it of a stack.
 */
export async function readWatched(redis: Redis, hosts: string[]): Promise<(host: string, stack: string) => Watched> {
  const distinct = [...new Set(hosts)]
  const keys = [updatesKey, holdsKey, skipsKey]
  const read = await Promise.all(distinct.map((host) => Promise.all(keys.map((key) => redis.hgetall(key(host))))))
  const hashes = new Map(distinct.map((host, at) => [host, read[at] ?? []]))
  return (host, stack) => {
    const [updates = {}, holds = {}, skips = {}] = hashes.get(host) ?? []
    const told = parse(StackUpdates, updates[stack])
    const held = parse(Hold, holds[stack])
    const hold = held && (held.until === null || Date.parse(held.until) > Date.now()) ? held : null
    return {
      checked_at: told?.checked_at ?? null,
      updates: (told?.updates ?? []).map((one) => asOfNow(one, hold, skips[`${stack}/${one.service}`])),
      hold,
    }
  }
}

/** What has been held, released or skipped counts at once, not with the next check. */
function asOfNow(update: Update, hold: Hold | null, skipped: string | undefined): Update {
  const { state, available } = update
  if (available !== null && available === skipped && state !== 'quarantined') return { ...update, state: 'skipped' }
  if (hold && ON_ITS_WAY.has(state)) return { ...update, state: 'held' }
  return !hold && state === 'held' ? { ...update, state: 'pending' } : update
}

function parse<T extends z.ZodType>(schema: T, json: string | undefined): z.infer<T> | null {
  try {
    return schema.parse(JSON.parse(json ?? ''))
  } catch {
    return null
  }
}
