import { Redis, type RedisOptions } from 'ioredis'
import type { Logger } from './logger.ts'

/** How a connection behaves when Redis is away. */
type ConnectionOptions = Pick<
  RedisOptions,
  | 'maxRetriesPerRequest'
  | 'commandTimeout'
  | 'connectTimeout'
  | 'enableAutoPipelining'
  | 'enableOfflineQueue'
  | 'autoResendUnfulfilledCommands'
  | 'socketTimeout'
>

/**
 * For commands that must be answered soon or fail: what an HTTP request waits for. One that has failed is not sent later: nobody waits for it any
 * more, and while Redis is away they would pile up. A Redis that has hung is let go, so that they do not pile up there either.
 */
export const FAIL_FAST: ConnectionOptions = {
  maxRetriesPerRequest: null,
  commandTimeout: 1500,
  connectTimeout: 2000,
  socketTimeout: 3000,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
}
/** For BullMQ's workers, which wait for Redis as long as it takes. */
export const PATIENT: ConnectionOptions = { maxRetriesPerRequest: null }

/**
 * Opens a connection to Redis that reconnects for ever, within half a second of Redis being back.
 *
 * @param url `redis://`, `rediss://` or `unix:/path`.
 * @param purpose Names the connection in Redis's own client list and in the log.
 */
export function connectRedis(url: string, purpose: string, logger: Logger, options: ConnectionOptions): Redis {
  // `unix:/path` and `unix:///path` name the same socket.
  const place = url.startsWith('unix:') ? url.slice('unix:'.length).replace(/^\/\/(?=\/)/, '') : url
  const redis = new Redis(place, {
    connectionName: `deployer-${purpose}`,
    retryStrategy: (attempt: number) => Math.min(50 * attempt, 500),
    ...options,
  })
  let down = false
  redis.on('error', (error) => {
    if (!down) logger.error({ event: 'redis_down', connection: purpose, err: error }, 'Redis is away')
    down = true
  })
  redis.on('ready', () => {
    if (down) logger.info({ event: 'redis_up', connection: purpose }, 'Redis is back')
    down = false
  })
  return redis
}
