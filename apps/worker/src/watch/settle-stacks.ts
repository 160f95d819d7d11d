import type { Redis } from 'ioredis'
import type { Logger } from '@deployer/shared/logger'
import { cutLabel, type OutboxEntry } from '@deployer/shared/outbox'
import { holdInForce, holdsKey, skipsKey, updatesKey, type StackUpdates, type Update, type UpdateState } from '@deployer/shared/updates'
import { peekJournal, type JournalStore } from '../journal/journal-file.ts'
import { SOURCE, VERSION } from '../pipeline/with-versions.ts'
import type { Clock } from '../ports.ts'
import { decide, type Circumstances, type Decision, type WatchedService } from './decide.ts'
import type { StackLook } from './look-at-stacks.ts'
import type { KnownStack, WatchFile, WatchMemory } from './memory.ts'
import { requestDeploy } from './request-deploy.ts'
import { tell } from './tell.ts'
import { isWatched, type HostWishes } from './wishes.ts'

/** What deciding about stacks works with. */
export interface SettleTools {
  redis: Redis
  logger: Logger
  clock: Clock
  host: string
  memory: WatchMemory
  wishes: HostWishes
  journalStore: (stack: string) => JournalStore
  /** Seconds that a job can be read after its end. */
  retention: number
}

/** Milliseconds until what could not be done is tried again. */
export const AGAIN = 30_000

/** Milliseconds until a registry is asked again that did not answer, twice as long each time, and so many times: then the next check asks. */
const ASK_AGAIN = 300_000
const MOST_AGAIN = 8

/** Those that are news by themselves: what is deployed at once is told by its job. */
const NEWS: readonly UpdateState[] = ['notify', 'cooling', 'window', 'held']

/**
 * Decides about stacks by what is remembered, makes that known, and asks for deploys.
 *
 * @param how `checked`: their registries have just been asked; `deploys`: what may be deployed is.
 * @returns Their updates, by stack.
 */
export async function settleStacks(
  tools: SettleTools,
  looks: StackLook[],
  how: { checked: boolean; deploys: boolean },
): Promise<Map<string, Update[]>> {
  const { redis, host, clock, memory, logger } = tools
  const [holds, skips, time] = await Promise.all([redis.hgetall(holdsKey(host)), redis.hgetall(skipsKey(host)), redis.time()])
  // The end of a hold is judged by Redis's clock, so that it is asked for when the job that is asked for will find it over.
  const ahead = Date.parse(clock.timestamp()) - milliseconds(time)
  return memory.update(async (file) => {
    const found = new Map<string, Update[]>()
    const news: Extract<OutboxEntry, { kind: 'updates' }>['updates'] = []
    const now = clock.timestamp()
    for (const look of looks) {
      const { stack, wishes } = look
      const former = file.stacks[stack]
      if (look.sightings.length === 0 && !isWatched(wishes)) {
        delete file.stacks[stack]
        if (former) await redis.hdel(updatesKey(host), stack)
        continue
      }
      const known: KnownStack = {
        told: {},
        unanswered: 0,
        ...former,
        checked_at: how.checked || !former ? now : former.checked_at,
        next: null,
      }
      const decision = decisionOf(tools, file, look, heldUntil(holds[stack], ahead, now), skips, now)
      const updates = wishes.problem === null ? decision.updates : unreadable(look)
      const fresh = updates.filter(({ service, available, state }) => NEWS.includes(state) && known.told[service] !== available)
      for (const one of fresh) {
        const sighting = look.sightings.find(({ service, unwanted }) => service === one.service && !unwanted)
        if (!sighting) continue
        const { labels } = sighting
        news.push({ stack, ...one, running_version: cutLabel(labels[VERSION]), source: cutLabel(labels[SOURCE]) })
        known.told[one.service] = one.available ?? ''
      }
      // Who only makes known what is so leaves what is due to who is woken for it.
      const isDue = !how.deploys && former?.next && former.next <= now
      known.next = isDue ? former.next : timeOrNull(decision.next)
      if (how.deploys || !decision.unanswered) {
        known.unanswered = decision.unanswered ? known.unanswered + 1 : 0
        known.next = earlier(known.next, timeOrNull(askAgain(known.unanswered, Date.parse(now))))
      } else known.next = earlier(known.next, former?.next ?? null)
      file.stacks[stack] = known
      const published: StackUpdates = { checked_at: known.checked_at, updates, unheld: decision.unheld }
      await redis.hset(updatesKey(host), stack, JSON.stringify(published))
      found.set(stack, updates)
      if (!how.deploys || Object.keys(decision.deploy).length === 0) continue
      const asked = await requestDeploy(redis, host, stack, decision.deploy, runningOf(look), tools.retention)
      if (asked === 'later') known.next = timeOrNull(Date.parse(now) + AGAIN)
      if (typeof asked === 'object')
        logger.info(
          { event: 'watch_deploy', stack, job_id: asked.jobId, services: Object.keys(decision.deploy) },
          'new images are deployed',
        )
    }
    if (news.length > 0) await tell(redis, { kind: 'updates', at: now, host, updates: news })
    return found
  })
}

/** Digests of what runs, by service. */
function runningOf({ sightings }: StackLook): Record<string, string[]> {
  return Object.fromEntries(sightings.map(({ service, running }) => [service, running]))
}

/** @param unanswered How often it was asked in vain. @returns `null`: no more. */
function askAgain(unanswered: number, now: number): number | null {
  return unanswered === 0 || unanswered > MOST_AGAIN ? null : now + ASK_AGAIN * 2 ** (unanswered - 1)
}

/** RFC 3339, in UTC. */
function earlier(one: string | null, other: string | null): string | null {
  return one === null || (other !== null && other < one) ? other : one
}

function decisionOf(
  { wishes: { zone }, journalStore }: SettleTools,
  file: WatchFile,
  { stack, wishes, sightings }: StackLook,
  hold: Circumstances['hold'],
  skips: Record<string, string>,
  timestamp: string,
): Decision {
  const now = Date.parse(timestamp)
  const rejected = peekJournal(journalStore(stack))?.rejected ?? {}
  const services = sightings.map(({ service, image, mode, running }): WatchedService => {
    const { seen, source } = file.names[image] ?? { seen: [], source: 'answered' as const }
    const skipped = skips[`${stack}/${service}`] ?? null
    return { service, image, mode, running, seen, source, skipped, quarantined: rejected[service] ?? [] }
  })
  const { window, minAge, settle } = wishes
  return decide(services, { now, zone, window, minAge, settle, hold })
}

/** A hold in force, and its end by this host's clock. @param ahead How far that is ahead of Redis's, in milliseconds. */
function heldUntil(stored: string | undefined, ahead: number, now: string): Circumstances['hold'] {
  const held = holdInForce(stored, Date.parse(now) - ahead)
  return held && { until: held.until === null ? null : Date.parse(held.until) + ahead }
}

function milliseconds([seconds, micros]: number[]): number {
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}

function timeOrNull(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}

/** Nothing is known of a stack whose wishes cannot be read. */
function unreadable({ services }: StackLook): Update[] {
  const nothing = { running: null, available: null, first_seen: null, eligible_at: null, state: 'unknown' as const }
  return Object.entries(services).map(([service, { image }]) => ({ service, image, ...nothing }))
}
