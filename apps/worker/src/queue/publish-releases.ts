import { queueName } from '@deployer/shared/queue'
import { RELEASES_KEY, type ReleaseSummary } from '@deployer/shared/releases'
import type { Journal } from '../journal/journal.ts'
import type { Engine } from '../ports.ts'
import { definitionDifference } from '../release/definition-difference.ts'
import type { JobTools } from './run-job.ts'

/** Milliseconds in which the engine tells what images say of themselves: nothing depends on it. */
const PATIENCE = 5000
const VERSION = 'org.opencontainers.image.version'

/** Tells what of a stack's releases is told: numbers, times, services, images, versions and digests, and where definitions differ. */
export async function publishReleases(
  { redis, engine, host, clock }: Pick<JobTools, 'redis' | 'engine' | 'host' | 'clock'>,
  stack: string,
  journal: Journal,
): Promise<void> {
  const kept = journal.releases()
  const ids = new Set(kept.flatMap(({ release }) => Object.values(release.services).map(({ imageId }) => imageId)))
  const versions = await readVersions(engine, [...ids], clock.timeout(PATIENCE))
  const releases = kept.map(({ release, verified }, index): ReleaseSummary => {
    const before = kept[index + 1]?.release
    return {
      number: release.number,
      at: release.at,
      job_id: release.jobId,
      by: release.by,
      current: release.number === journal.file.current,
      verified,
      services: Object.fromEntries(
        Object.entries(release.services).map(([service, { image, digest, imageId }]) => {
          return [service, { image, digest, version: versions.get(imageId) ?? null }]
        }),
      ),
      definition: before ? definitionDifference(before.definition, release.definition) : [],
    }
  })
  await redis.hset(RELEASES_KEY, queueName(host, stack), JSON.stringify(releases))
}

/** What images say their version is, as far as they are still here. */
async function readVersions(engine: Engine, ids: string[], signal: AbortSignal): Promise<Map<string, string>> {
  const found = await Promise.all(
    ids.map(async (id) => {
      const image = await engine.image(id, signal).catch(() => null)
      const version = image?.labels[VERSION]?.trim()
      return version ? [[id, version.slice(0, 128)] as const] : []
    }),
  )
  return new Map(found.flat())
}
