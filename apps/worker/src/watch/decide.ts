import type { Update } from '@deployer/shared/updates'
import { isOpen, nextOpening } from '@deployer/shared/update-window'
import { newerThan, type Seen } from './seen.ts'
import type { Mode, Pace } from './wishes.ts'

/** What is known of a service's image. */
export interface WatchedService {
  service: string
  /** The name in the compose file. */
  image: string
  mode: Exclude<Mode, 'off'>
  /** Digests of the image that runs, that of what the name's registry calls it first. */
  running: string[]
  /** What its name's registry gave. */
  seen: Seen[]
  /** `local`: it has no registry; `unknown`: that did not answer. */
  source: 'answered' | 'local' | 'unknown'
  /** Digests that are left out: since somebody wants it so, and since their deploy was rolled back. */
  skipped: string | null
  quarantined: string | null
}

/** What decides when a stack is updated. */
export interface Circumstances extends Pick<Pace, 'window' | 'minAge' | 'settle'> {
  /** Milliseconds since 1970. */
  now: number
  zone: string
  /** `until`: in milliseconds since 1970; `null`: until somebody ends it. */
  hold: { until: number | null } | null
}

/** What is to be told and done. */
export interface Decision {
  updates: Update[]
  /** What is to be deployed now: digests by service. */
  deploy: Record<string, string>
  /** The next moment at which time alone changes something, in milliseconds since 1970. */
  next: number | null
}

/** Decides what becomes of the new images of one stack. */
export function decide(services: WatchedService[], circumstances: Circumstances): Decision {
  const { now } = circumstances
  const changed = services.flatMap((one) => newer(one).map(({ at }) => Date.parse(at)))
  const settled = Math.max(0, ...changed) + circumstances.settle
  const judged = services.flatMap((one) => judge(one, circumstances, settled) ?? [])
  const deploy = judged.flatMap(({ service, state, available }) => (state === 'pending' && available ? [[service, available]] : []))
  const moments = judged.flatMap(({ eligible_at }) => (eligible_at === null ? [] : [Date.parse(eligible_at)])).filter((at) => at > now)
  return {
    updates: judged.sort((a, b) => (a.service < b.service ? -1 : 1)),
    deploy: Object.fromEntries(deploy) as Record<string, string>,
    next: moments.length === 0 ? null : Math.min(...moments),
  }
}

/** @returns `null` where nothing is newer than what runs. */
function judge(one: WatchedService, circumstances: Circumstances, settled: number): Update | null {
  const { now, minAge, window, zone, hold } = circumstances
  const { service, image, running, source, mode } = one
  const known = { service, image, running: running[0] ?? null }
  const nothing = { available: null, first_seen: null, eligible_at: null }
  if (source !== 'answered') return { ...known, ...nothing, state: source }
  const all = newer(one)
  // What came before one that has failed is passed by as well: nobody waits for it any more.
  const failed = all.findIndex(({ digest }) => digest === one.quarantined)
  const usable = all.slice(failed + 1).filter(({ digest }) => digest !== one.skipped)
  const ripe = ({ at }: Seen) => Date.parse(at) + minAge
  // The newest that is old enough, also when the name has moved on; before that the first that will be.
  const chosen = mode === 'notify' ? usable.at(-1) : (usable.findLast((seen) => ripe(seen) <= now) ?? usable[0])
  const about = chosen ?? all.at(-1)
  if (!about) return null
  const told = { ...known, available: about.digest, first_seen: about.at, eligible_at: null }
  if (!chosen) return { ...told, state: about.digest === one.skipped ? 'skipped' : 'quarantined' }
  if (mode === 'notify') return { ...told, state: 'notify' }
  if (hold && hold.until === null) return { ...told, state: 'held' }
  const free = Math.max(ripe(chosen), settled, hold?.until ?? 0)
  const eligible = free > now ? nextOpening(window, free, zone) : nextOpening(window, now, zone)
  const eligible_at = new Date(eligible > now ? eligible : free).toISOString()
  if (hold && (hold.until ?? 0) > now) return { ...told, eligible_at, state: 'held' }
  if (ripe(chosen) > now) return { ...told, eligible_at, state: 'cooling' }
  if (settled > now) return { ...told, eligible_at, state: 'settling' }
  return { ...told, eligible_at, state: isOpen(window, now, zone) ? 'pending' : 'window' }
}

function newer({ source, seen, running }: WatchedService): Seen[] {
  return source === 'answered' ? newerThan(seen, running) : []
}
