import type { Redis } from 'ioredis'
import { z } from 'zod'
import { queueName } from '@deployer/shared/queue'
import { RELEASES_KEY, ReleaseSummary } from '@deployer/shared/releases'

/** The kept releases of a stack as its worker has published them, the newest first. */
export async function readReleases(redis: Redis, host: string, stack: string): Promise<ReleaseSummary[]> {
  return parseReleases(await redis.hget(RELEASES_KEY, queueName(host, stack)))
}

/** What is not understood, such as a newer worker's, is left out. */
export function parseReleases(json: string | null): ReleaseSummary[] {
  const listed = z.array(z.unknown()).safeParse(parse(json ?? '[]'))
  return (listed.data ?? []).flatMap((one) => ReleaseSummary.safeParse(one).data ?? [])
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}
