import type { Redis } from 'ioredis'
import { SettingsError } from './settings.ts'

/** What is needed of Redis's commands came with 7.0. */
const OLDEST = 7

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

/** @throws {SettingsError} for a Redis that is too old. One whose user may not ask is taken as it is. */
export async function requireRedis(redis: Redis): Promise<void> {
  const info = await redis.info('server').catch(() => null)
  if (info === null) return
  const { name, fit } = readRedisVersion(info)
  if (!fit) throw new SettingsError(`REDIS_URL leads to ${name}, but must lead to Redis ${OLDEST}.0 or newer, or to Valkey.`)
}
