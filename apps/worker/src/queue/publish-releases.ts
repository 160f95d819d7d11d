import type { Redis } from 'ioredis'
import { queueName } from '@deployer/shared/queue'
import { RELEASES_KEY, type ReleaseSummary } from '@deployer/shared/releases'
import type { Journal } from '../journal/journal.ts'

/** Tells what of a stack's releases is told: numbers, times, services, images and digests. */
export async function publishReleases(redis: Redis, host: string, stack: string, journal: Journal): Promise<void> {
  const releases = journal.releases().map(({ release, verified }): ReleaseSummary => ({
    number: release.number,
    at: release.at,
    job_id: release.jobId,
    by: release.by,
    current: release.number === journal.file.current,
    verified,
    services: Object.fromEntries(Object.entries(release.services).map(([service, { image, digest }]) => [service, { image, digest }])),
  }))
  await redis.hset(RELEASES_KEY, queueName(host, stack), JSON.stringify(releases))
}
