import type { Redis } from 'ioredis'
import type { JobData } from '@deployer/shared/job-data'
import { holdInForce, holdsKey } from '@deployer/shared/updates'
import { Refusal } from '../refusal.ts'

/**
 * Finds out whether somebody holds a stack, so that no deploy and no rollback of it may begin. The hold's end is judged by Redis's clock: those of
 * hosts may differ.
 *
 * @returns The refusal that they meet; `null` where nobody does.
 */
export async function findHold(redis: Redis, { host, stack }: Pick<JobData, 'host' | 'stack'>): Promise<Refusal | null> {
  const [[, stored] = [], [, time] = []] = (await redis.pipeline().hget(holdsKey(host), stack).time().exec()) ?? []
  const [seconds, micros] = time as [string, string]
  const hold = holdInForce(stored as string | null, Number(seconds) * 1000 + Math.floor(Number(micros) / 1000))
  if (!hold) return null
  const end = hold.until === null ? 'until somebody releases it' : `until ${hold.until}`
  return new Refusal(
    'held',
    `"${stack}" is held by "${hold.by}" since ${hold.since}, ${end}: ${hold.reason} — Nothing was changed. To release it: deployer release-hold ${stack}`,
  )
}
