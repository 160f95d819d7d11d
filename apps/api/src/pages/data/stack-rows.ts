import { queueName } from '@deployer/shared/queue'
import { RELEASES_KEY, type ReleaseSummary } from '@deployer/shared/releases'
import type { Hold, Update } from '@deployer/shared/updates'
import { parseReleases } from '../../read-releases.ts'
import type { ApiContext } from '../../routes/context.ts'
import { healthOf, type Health } from '../parts/health.ts'
import { readWatched } from '../../read-watched.ts'
import type { createRecentJobs, RecentJobs } from './recent-jobs.ts'

/** A stack as the list shows it. */
export interface StackRow {
  host: string
  stack: string
  health: Health
  /** Services that are not well. */
  broken: string[]
  /** Files that what runs is not made from as they are now. */
  drifted: string[]
  hold: Hold | null
  updates: Update[]
  jobs: RecentJobs
}

/** Milliseconds: what failed since yesterday. */
const A_DAY = 86_400_000

/** Every stack of every host, by name, with what is known of it but its releases. */
export async function readRows({ redis, inventory }: ApiContext, recent: ReturnType<typeof createRecentJobs>): Promise<StackRow[]> {
  const stacks = inventory.stacks()
  const queues = stacks.map(({ host, name }) => queueName(host, name))
  const [jobs, watched, ran] = await Promise.all([
    recent(queues, Date.now() - A_DAY),
    readWatched(
      redis,
      stacks.map(({ host }) => host),
    ),
    redis.hkeys(RELEASES_KEY),
  ])
  const withReleases = new Set(ran)
  return stacks
    .map((stack, index): StackRow => {
      const { host, name, broken, drifted } = stack
      const { hold, updates } = watched(host, name)
      return {
        host,
        stack: name,
        broken,
        health: healthOf(stack, withReleases.has(queues[index] ?? '')),
        drifted,
        hold,
        updates,
        jobs: jobs[index] ?? { open: [], last: null, failed: [] },
      }
    })
    .sort((a, b) => a.stack.localeCompare(b.stack) || a.host.localeCompare(b.host))
}

/** The release that runs of each of some stacks, in their order. */
export async function readCurrent({ redis }: ApiContext, rows: Pick<StackRow, 'host' | 'stack'>[]): Promise<(ReleaseSummary | null)[]> {
  if (rows.length === 0) return []
  const found = await redis.hmget(RELEASES_KEY, ...rows.map(({ host, stack }) => queueName(host, stack)))
  return found.map((json) => parseReleases(json).find(({ current }) => current) ?? null)
}
