import { accessSync, constants, existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { readRedisVersion } from '@deployer/shared/check-redis'
import { connectRedis } from '@deployer/shared/connect-redis'
import type { Finding } from '@deployer/shared/finding'
import type { Logger } from '@deployer/shared/logger'
import { UNTRUSTED_PROXIES_KEY } from '@deployer/shared/queue'
import { settleWithin } from '@deployer/shared/settle-within'
import { onPath } from './check-host.ts'

type Say = (finding: Finding) => void

const PATIENCE = 3000

/** The embedded Redis of `npm start`: its programs, and the folder that it writes. */
export function checkEmbeddedRedis(dataDir: string, env: NodeJS.ProcessEnv, say: Say): void {
  const missing = ['redis-server', 'setpriv'].filter((program) => !onPath(env, program))
  if (missing.length > 0)
    say({
      level: 'mend',
      what: `REDIS_URL is not set, and ${missing.join(' and ')} cannot be found`,
      todo: 'Install redis-server and util-linux, or set REDIS_URL.',
    })
  else say({ level: 'ok', what: 'REDIS_URL is not set: Redis is embedded, append-only, flushed at each answer', todo: '' })
  const folder = resolve(dataDir)
  const existing = existsSync(folder) ? folder : dirname(folder)
  try {
    accessSync(existing, constants.W_OK)
  } catch {
    say({
      level: 'mend',
      what: `DATA_DIR is ${dataDir}, which cannot be written`,
      todo: 'Make the folder, or name another one: jobs are kept there.',
    })
  }
}

/** Redis's version, and whether it keeps what it has promised to keep. */
export async function checkRedis(url: string, logger: Logger, say: Say): Promise<void> {
  const redis = connectRedis(url, 'doctor', logger, { maxRetriesPerRequest: 0, commandTimeout: PATIENCE, connectTimeout: PATIENCE })
  try {
    const info = await redis.info()
    const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
    checkVersion(info, say)
    checkPersistence(field('aof_enabled'), await appendFsync(redis), say)
    checkEviction(field('maxmemory_policy'), say)
    for (const [peer, header] of Object.entries(await redis.hgetall(UNTRUSTED_PROXIES_KEY))) {
      say({
        level: 'hint',
        what: `The API gets ${header} from ${peer}, and does not believe it: all callers behind it count as one`,
        todo: 'If that is your proxy, name it in TRUSTED_PROXIES.',
      })
    }
  } catch (error) {
    say({
      level: 'mend',
      what: `Redis cannot be used: ${(error as Error).message.replace(/\.$/, '')}`,
      todo: 'Check REDIS_URL, its password, and that Redis runs.',
    })
  } finally {
    await settleWithin(PATIENCE, redis.quit())
    redis.disconnect()
  }
}

function checkVersion(info: string, say: Say): void {
  const { name, fit } = readRedisVersion(info)
  if (fit) say({ level: 'ok', what: `${name} answers`, todo: '' })
  else say({ level: 'mend', what: `${name} is too old: nothing starts with it`, todo: 'Install Redis 7.0 or newer, or Valkey.' })
}

function checkPersistence(enabled: string, fsync: string | null, say: Say): void {
  if (enabled !== '1')
    say({
      level: 'mend',
      what: 'Redis has no append-only file: accepted jobs are lost when it restarts',
      todo: 'Start it with --appendonly yes --appendfsync always.',
    })
  else if (fsync === null || fsync === 'always') say({ level: 'ok', what: 'Redis keeps an append-only file', todo: '' })
  else
    say({
      level: 'hint',
      what: `Redis's append-only file is flushed "${fsync}": a power failure loses what was accepted last`,
      todo: 'Set appendfsync always.',
    })
}

function checkEviction(policy: string, say: Say): void {
  if (policy === 'noeviction') say({ level: 'ok', what: 'Redis throws nothing away when its memory is full (noeviction)', todo: '' })
  else say({ level: 'mend', what: `Redis throws keys away when its memory is full (${policy})`, todo: 'Set maxmemory-policy noeviction.' })
}

/** `null` where the user may not ask: the one of docker-compose.yml has no administration. */
async function appendFsync(redis: ReturnType<typeof connectRedis>): Promise<string | null> {
  return redis.config('GET', 'appendfsync').then(
    (answer) => answer[1] ?? null,
    () => null,
  )
}
