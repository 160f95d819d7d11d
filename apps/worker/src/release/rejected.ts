import type { RunReport } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import type { Release } from './release.ts'

/** Digests by service that are not deployed unless somebody asks. */
export type Rejected = Record<string, string[]>

/** How many digests of one image are remembered. */
export const MOST_DIGESTS = 40

/**
 * What a job makes of them: images that had to go again are added, also those that somebody has gone back from; and who deploys a stack
 * successfully wants what its names give. What watching has deployed has come after those of its services: their names have moved on.
 */
export function rejectedAfter(
  rejected: Rejected,
  job: Pick<JobData, 'action' | 'source' | 'only'>,
  report: Pick<RunReport, 'state' | 'rolled_back' | 'code'>,
  target: Release | null,
  before: Release | null,
): Rejected {
  if (report.state === 'succeeded' && job.action === 'rollback') return add(rejected, onlyIn(before, target))
  if (report.state === 'succeeded') return job.source === 'watch' ? withoutServices(rejected, Object.keys(job.only ?? {})) : {}
  return report.rolled_back || report.code === 'rollback_failed' ? add(rejected, onlyIn(target, before)) : rejected
}

/** What watching has asked for, without what was rolled back while it waited. @returns `null` where nothing is left of it. */
export function withoutRejected(job: JobData, rejected: Rejected): JobData | null {
  if (!job.only) return job
  const left = Object.entries(job.only).filter(([service, digest]) => !rejected[service]?.includes(digest))
  return left.length === 0 ? null : { ...job, only: Object.fromEntries(left) }
}

function withoutServices(rejected: Rejected, services: string[]): Rejected {
  return Object.fromEntries(Object.entries(rejected).filter(([service]) => !services.includes(service)))
}

function add(rejected: Rejected, more: Record<string, string>): Rejected {
  const added = Object.entries(more).map(([service, digest]) => [
    service,
    [...new Set([...(rejected[service] ?? []), digest])].slice(-MOST_DIGESTS),
  ])
  return { ...rejected, ...(Object.fromEntries(added) as Rejected) }
}

/** The digests that one release has and another one has not. */
function onlyIn(one: Release | null, other: Release | null): Record<string, string> {
  const found = Object.entries(one?.services ?? {}).flatMap(([service, { digest }]) =>
    digest === null || digest === other?.services[service]?.digest ? [] : [[service, digest] as const],
  )
  return Object.fromEntries(found)
}
