import type { ContainerHealth } from '../ports.ts'

/** A container may be restarted this often before it counts as one that restarts over and over: what it needs may just be starting. */
const MOST_RESTARTS = 2
/** Milliseconds until a container is looked at again that will make itself heard. */
const LATER = 2000

/** How a container does: decided one way or the other, or to be looked at again after `wait` ms. */
export type Verdict = { ok: true; says: string } | { ok: false; says: string } | { ok: null; wait: number; says: string }

/** What has been seen of a container. */
export interface Seen {
  /** Its last start, as the engine's clock says, */
  startedAt: string
  /** and when that was first seen here, by our own clock: the two are never compared. */
  since: number
  /** Restarts that do not count. */
  restarts: number
}

/**
 * Decides how a container does from what the engine says of it.
 *
 * @param now Milliseconds, by our own clock.
 * @param mayEnd Whether it may end by itself, with 0.
 * @param steady Milliseconds that it has to run without a restart where it has no health check.
 */
export function judge(
  health: ContainerHealth,
  seen: Seen,
  { now, mayEnd, steady }: { now: number; mayEnd: boolean; steady: number },
): Verdict {
  const { status, exitCode, restartCount } = health
  if (status === 'exited' || status === 'dead') {
    if (exitCode !== 0) return { ok: false, says: `exited with ${exitCode}` }
    if (mayEnd) return { ok: true, says: 'completed' }
    return { ok: false, says: 'exited with 0, although it was a running service before' }
  }
  if (restartCount - seen.restarts > MOST_RESTARTS) return { ok: false, says: `restarts over and over, last exit code ${exitCode}` }
  if (health.health === 'healthy') return { ok: true, says: 'healthy' }
  if (health.health === 'unhealthy') return { ok: false, says: 'unhealthy' }
  if (status !== 'running' || health.health === 'starting') return { ok: null, wait: LATER, says: 'starting' }
  const left = seen.since + steady - now
  if (left <= 0) return { ok: true, says: 'running' }
  return { ok: null, wait: left, says: 'started' }
}
