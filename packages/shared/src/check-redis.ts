import type { Redis } from 'ioredis'
import { KEY_PREFIX } from './queue.ts'
import { SettingsError } from './settings.ts'
import { version as release } from './version.ts'

/** What is needed of Redis's commands came with 7.0. */
const OLDEST = 7

/**
 * The version of what is stored in Redis, raised with each change of it, and the oldest version whose releases get on with it: the release before
 * has to, since API and workers are not updated in one moment. What a host keeps has a version of its own, in each journal.
 */
const STORED = { version: 1, readableBy: 1 }

/** Hash: `version` and `readable_by` of what is stored, and the `release` that said so. */
export const STORED_KEY = `${KEY_PREFIX}:stored`

const CLAIM = `
local found = redis.call('HMGET', KEYS[1], 'version', 'readable_by', 'release')
if tonumber(found[2] or 0) > tonumber(ARGV[1]) then return found[3] or 'another one' end
if tonumber(found[1] or 0) < tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'version', ARGV[1], 'readable_by', ARGV[2], 'release', ARGV[3]) end
return false`

/** What answers at `REDIS_URL`, as it names itself; `fit` where Deployer works with it. */
export interface RedisVersion {
  name: string
  fit: boolean
}

/** @param info The answer to INFO. Valkey says there which Redis it is compatible with, and what it is itself. */
export function readRedisVersion(info: string): RedisVersion {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  const [version, valkey] = [field('redis_version'), field('valkey_version')]
  return { name: valkey ? `Valkey ${valkey}` : `Redis ${version}`, fit: Number.parseInt(version, 10) >= OLDEST }
}

/**
 * Makes sure of Redis, and says in it how to read what is stored.
 *
 * @throws {SettingsError} for one that is too old, and for one that a later release has written which this one would misread.
 */
export async function requireRedis(redis: Redis): Promise<void> {
  // Of one whose user may not ask, it is not known.
  const info = await redis.info('server').catch(() => null)
  const { name, fit } = readRedisVersion(info ?? '')
  if (info !== null && !fit) {
    throw new SettingsError(`REDIS_URL leads to ${name}, but must lead to Redis ${OLDEST}.0 or newer, or to Valkey.`)
  }
  // One that is full or takes no writes now is asked again at the next start; what it says of a later release was read before.
  const later = (await redis.eval(CLAIM, 1, STORED_KEY, STORED.version, STORED.readableBy, release).catch(unlessRefused)) as string | null
  if (later === null) return
  throw new SettingsError(
    `What the Redis at REDIS_URL holds was written by Deployer ${later}, and this one (${release}) would misread it. It is left alone: start that release or a later one, or restore the backup from before its update.`,
  )
}

/** An answer of a Redis that takes no writes now: it is full, a replica, or still loading. @throws Every other error. */
export function unlessRefused(error: unknown): null {
  // By its name: the class that ioredis gives to users is not the one that it throws.
  if (error instanceof Error && error.name === 'ReplyError') return null
  throw error
}
