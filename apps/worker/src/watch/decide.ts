import type { Unheld, Update } from '@deployer/shared/updates'
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
  /** Digests that are left out: since somebody wants it so, and since their deploys were rolled back, or somebody went back from them. */
  skipped: string | null
  quarantined: string[]
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
  /** What will be so of those that are held, by service, as soon as nobody holds the stack any more. */
  unheld: Unheld
  /** What is to be deployed now: digests by service. */
  deploy: Record<string, string>
  /** The next moment at which time alone changes something, in milliseconds since 1970. */
  next: number | null
  /** Whether a registry did not answer whose former answer could be deployed now. */
  unanswered: boolean
}

/** Decides what becomes of the new images of one stack. */
export function decide(services: WatchedService[], circumstances: Circumstances): Decision {
  const { now } = circumstances
  const changed = services.flatMap((one) => newer(one).map(({ at }) => Date.parse(at)))
  const settled = Math.max(0, ...changed) + circumstances.settle
  const judged = services.flatMap((one) => judge(one, circumstances, settled) ?? [])
  const updates = judged.map(({ update }) => update).sort((a, b) => (a.service < b.service ? -1 : 1))
  const deploy = updates.flatMap(({ service, state, available }) => (state === 'pending' && available ? [[service, available]] : []))
  const unheld = judged.flatMap(({ update, unheld: then }) => (then ? [[update.service, then]] : []))
  const moments = judged.flatMap((one) => one.moments).filter((at) => at > now)
  return {
    updates,
    unheld: Object.fromEntries(unheld) as Unheld,
    deploy: Object.fromEntries(deploy) as Record<string, string>,
    next: moments.length === 0 ? null : Math.min(...moments),
    unanswered: judged.some((one) => one.unanswered),
  }
}

interface Judgement {
  update: Update
  /** There where it is held. */
  unheld?: Unheld[string]
  /** When time alone changes something, or has. */
  moments: number[]
  unanswered?: boolean
}

/** @returns `null` where nothing is newer than what runs. */
function judge(one: WatchedService, circumstances: Circumstances, settled: number): Judgement | null {
  const { now, minAge, hold } = circumstances
  const { service, image, running, source, mode } = one
  const known = { service, image, running: running[0] ?? null }
  const nothing = { available: null, first_seen: null, eligible_at: null }
  if (source === 'local') return { update: { ...known, ...nothing, state: source }, moments: [] }
  const all = newer(one)
  // What came before one that has failed, or is not wanted, is passed by as well: nobody waits for it any more.
  const last = all.findLastIndex(({ digest }) => digest === one.skipped || one.quarantined.includes(digest))
  const usable = all.slice(last + 1)
  const ripe = ({ at }: Seen) => Date.parse(at) + minAge
  // The newest that is old enough, also when the name has moved on; before that the first that will be.
  const chosen = mode === 'notify' ? usable.at(-1) : (usable.findLast((seen) => ripe(seen) <= now) ?? usable[0])
  if (source === 'unknown') {
    const update = { ...known, ...nothing, state: source }
    if (!chosen || mode !== 'update' || hold?.until === null) return { update, moments: [] }
    const due = Date.parse(whenFree(ripe(chosen), settled, hold?.until ?? 0, circumstances).eligible_at)
    return { update, moments: [due], unanswered: due <= now }
  }
  const about = chosen ?? all.at(-1)
  if (!about) return null
  const told = { ...known, available: about.digest, first_seen: about.at, eligible_at: null }
  if (!chosen) return { update: { ...told, state: about.digest === one.skipped ? 'skipped' : 'quarantined' }, moments: [] }
  if (mode === 'notify') return { update: { ...told, state: 'notify' }, moments: [] }
  const until = hold?.until ?? 0
  const unheld = whenFree(ripe(chosen), settled, 0, circumstances)
  const moments = [...usable.map(ripe), settled, until, Date.parse(unheld.eligible_at)]
  if (!hold || (hold.until !== null && until <= now)) return { update: { ...told, ...unheld }, moments }
  const eligible_at = hold.until === null ? null : whenFree(ripe(chosen), settled, until, circumstances).eligible_at
  return { update: { ...told, eligible_at, state: 'held' }, unheld, moments }
}

/** What is in the way of a digest beside a hold, and when nothing is any more. */
function whenFree(ripe: number, settled: number, until: number, { now, window, zone }: Circumstances) {
  const free = Math.max(ripe, settled, until)
  const eligible = nextOpening(window, Math.max(free, now), zone)
  const eligible_at = new Date(eligible > now ? eligible : free).toISOString()
  if (ripe > now) return { eligible_at, state: 'cooling' as const }
  if (settled > now) return { eligible_at, state: 'settling' as const }
  return { eligible_at, state: isOpen(window, now, zone) ? ('pending' as const) : ('window' as const) }
}

function newer({ source, seen, running }: WatchedService): Seen[] {
  return source === 'local' ? [] : newerThan(seen, running)
}
