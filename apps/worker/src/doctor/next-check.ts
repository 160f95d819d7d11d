import { connectRedis } from '@deployer/shared/connect-redis'
import type { Logger } from '@deployer/shared/logger'
import { KEY_PREFIX, tickQueue } from '@deployer/shared/queue'
import { settleWithin } from '@deployer/shared/settle-within'

const PATIENCE = 3000

/** What Redis knows of a host's checks for new images. */
export interface NextCheck {
  /** When the next one is due, in milliseconds since 1970; `null`: none is planned. */
  at: number | null
  now: number
}

/** When a host's workers look for new images next. Writes nothing. @returns `null` where Redis cannot be asked, which has been told already. */
export async function nextCheck(url: string, host: string, logger: Logger): Promise<NextCheck | null> {
  const redis = connectRedis(url, 'doctor', logger, { maxRetriesPerRequest: 0, commandTimeout: PATIENCE, connectTimeout: PATIENCE })
  try {
    // BullMQ's schedules, by when each is due. A queue of its own would wait for a Redis that is away.
    const [, due] = await redis.zrange(`${KEY_PREFIX}:${tickQueue(host)}:repeat`, '0', '0', 'WITHSCORES')
    const [seconds] = await redis.time()
    return { at: due === undefined ? null : Number(due), now: Number(seconds) * 1000 }
  } catch {
    return null
  } finally {
    await settleWithin(PATIENCE, redis.quit())
    redis.disconnect()
  }
}
