import type { Redis } from 'ioredis'
import { type Hold, holdInForce, holdsKey, skipsKey, StackUpdates, type Unheld, type Update, updatesKey } from '@deployer/shared/updates'

/** What is known of the images of a stack, and whether somebody holds it. */
export interface Watched {
  /** When the registries were asked last; `null`: never. */
  checked_at: string | null
  updates: Update[]
  hold: Hold | null
}

type Hash = Record<string, string>

/** What waits for nothing but its time or its turn: a hold is in its way all the same. */
const ON_ITS_WAY = new Set<Update['state']>(['pending', 'settling', 'cooling', 'window'])

/**
 * Reads what the workers of some hosts have found out about images, and what callers have held and skipped.
 *
 * @returns Tells it of a stack.
 */
export async function readWatched(redis: Redis, hosts: string[]): Promise<(host: string, stack: string) => Watched> {
  const distinct = [...new Set(hosts)]
  const pipeline = redis.pipeline()
  for (const host of distinct) for (const key of [updatesKey, holdsKey, skipsKey]) pipeline.hgetall(key(host))
  const answers = (await pipeline.time().exec()) ?? []
  for (const [error] of answers) if (error) throw error
  const found = answers.map(([, answer]) => answer)
  const now = Number((found.pop() as string[])[0]) * 1000
  const hashes = new Map(distinct.map((host, at) => [host, found.slice(3 * at, 3 * at + 3) as Hash[]]))
  return (host, stack) => {
    const [updates = {}, holds = {}, skips = {}] = hashes.get(host) ?? []
    const told = parseUpdates(updates[stack])
    const hold = holdInForce(holds[stack], now)
    return {
      checked_at: told?.checked_at ?? null,
      updates: (told?.updates ?? []).map((one) => asOfNow(one, told?.unheld?.[one.service], hold, skips[`${stack}/${one.service}`])),
      hold,
    }
  }
}

/** What has been held, released or skipped counts at once, not with the next check. */
function asOfNow(update: Update, unheld: Unheld[string] | undefined, hold: Hold | null, skipped: string | undefined): Update {
  const { state, available } = update
  if (available !== null && available === skipped && state !== 'quarantined') return { ...update, state: 'skipped', eligible_at: null }
  if (hold && ON_ITS_WAY.has(state)) return { ...update, state: 'held', eligible_at: null }
  return !hold && state === 'held' ? { ...update, ...(unheld ?? { state: 'pending' }) } : update
}

/** `null` for what is not there, or was written by a release that is not this one's. */
function parseUpdates(json: string | undefined): StackUpdates | null {
  try {
    return StackUpdates.parse(JSON.parse(json ?? ''))
  } catch {
    return null
  }
}
