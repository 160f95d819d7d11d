import type { Redis } from 'ioredis'
import { OUTBOX_KEY, OUTBOX_LENGTH, type OutboxEntry } from '@deployer/shared/outbox'

/** Puts something that has happened into the outbox. */
export async function tell(redis: Redis, entry: OutboxEntry): Promise<void> {
  await redis.xadd(OUTBOX_KEY, 'MAXLEN', '~', OUTBOX_LENGTH, '*', 'entry', JSON.stringify(entry))
}
