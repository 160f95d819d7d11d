import { join } from 'node:path'
import type { Finding } from '@deployer/shared/finding'
import type { Logger } from '@deployer/shared/logger'
import type { Settings } from '@deployer/shared/settings'
import { machineClock } from '../clock.ts'
import type { Host } from '../connect-engine.ts'
import { createFileStore, journalFolder } from '../journal/file-store.ts'
import { listStacks } from '../stacks/list-stacks.ts'
import { createAskRegistry } from '../watch/ask-registry.ts'
import { lookAtStacks, type StackLook } from '../watch/look-at-stacks.ts'
import { peekPauses } from '../watch/memory.ts'
import { createReadStacks } from '../watch/read-stack.ts'
import { hostWishes, isWatched } from '../watch/wishes.ts'
import { checkRegistries } from './check-registries.ts'
import { nextCheck, type NextCheck } from './next-check.ts'

type Say = (finding: Finding) => void

/** Milliseconds for a look at all stacks, each of which compose may have to resolve. */
const PATIENCE = 5 * 60_000
/** Milliseconds that a check may be late: a tick waits for the one before it. */
const LATE = 5 * 60_000

/**
 * What is watched for new images, when it is looked at, and which images cannot be checked. Pulls nothing, and changes nothing.
 *
 * @returns Whether any stack is watched; `null` where that is not known.
 */
export async function checkWatching(
  { engine, compose, root }: Host,
  settings: Settings,
  logger: Logger,
  say: Say,
): Promise<boolean | null> {
  const { DATA_DIR, REDIS_URL, WORKER_NAME } = settings
  const wishes = hostWishes(settings)
  const journalStore = (stack: string) => createFileStore(journalFolder(DATA_DIR, stack))
  const stacks = createReadStacks({ compose, clock: machineClock, journalStore }, wishes)
  let unread = 0
  let looks: StackLook[]
  try {
    const names = await listStacks(root.here)
    // Why one cannot be read has been told already.
    looks = await lookAtStacks({ engine, root, stacks, logger }, names, false, AbortSignal.timeout(PATIENCE), () => unread++)
  } catch (error) {
    const why = (error as Error).message.replace(/\.$/, '')
    say({ level: 'hint', what: `What is watched for new images could not be looked at: ${why}`, todo: '' })
    return null
  }
  const next = REDIS_URL === undefined ? null : await nextCheck(REDIS_URL, WORKER_NAME, logger)
  describeWatching({ looks, unread, next, zone: wishes.zone }, say)
  const folderOf = (stack: string) => join(root.onHost, stack)
  const ask = createAskRegistry(engine)
  await checkRegistries(looks, { ask, clock: machineClock, pauses: peekPauses(DATA_DIR), folderOf }, say)
  return looks.some((look) => isWatched(look.wishes))
}

/** What was looked at. `next`: `null` where it is not known. */
interface Seen {
  looks: StackLook[]
  /** Stacks that could not be read. */
  unread: number
  next: NextCheck | null
  zone: string
}

/** Says what is watched, and what of that makes no sense. */
export function describeWatching({ looks, unread, next, zone }: Seen, say: Say): void {
  const watched = looks.filter(({ wishes }) => wishes.problem === null && isWatched(wishes))
  const missing = unread === 0 ? '' : `; ${count(unread, 'stack')} could not be read`
  if (watched.length === 0) say({ level: 'ok', what: `No stack is watched for new images${missing}`, todo: '' })
  else say({ level: 'ok', what: `${summary(watched, zone)}${plan(next)}${missing}`, todo: '' })
  for (const { stack, wishes } of looks) {
    if (wishes.problem !== null)
      say({ level: 'mend', what: `Nothing of stack "${stack}" is watched: ${wishes.problem}`, todo: 'See docs/watching.md.' })
    for (const label of wishes.ignored)
      say({ level: 'hint', what: `In stack "${stack}" ${label}`, todo: 'It counts for nothing as it is. See docs/watching.md.' })
  }
  const onRequest = watched.filter(({ wishes }) => wishes.every.kind === 'asked')
  if (onRequest.length > 0)
    say({
      level: 'hint',
      what: `Nothing looks by itself for new images of ${onRequest.map(({ stack }) => stack).join(', ')}: their \`every\` is 0`,
      todo: "`deployer check` looks, and so does a registry's hook; whether there is one stands in the API's keys file, which was not looked at.",
    })
  if (next !== null && onRequest.length < watched.length) sayLate(next, say)
}

function summary(watched: StackLook[], zone: string): string {
  const modes = watched.flatMap(({ wishes }) => Object.values(wishes.modes).filter((mode) => mode !== 'off'))
  const looked = watched.flatMap(({ sightings }) => sightings.filter(({ isBuilt, running }) => !isBuilt && running.length > 0))
  const updated = looked.filter(({ mode }) => mode === 'update').length
  const apart = modes.length - looked.length
  const parts = [
    updated === 1 ? '1 service is updated by itself' : `${updated} services are updated by themselves`,
    `${looked.length - updated} only told of`,
    ...(apart === 0 ? [] : [`${apart} not looked at (pinned by a digest, built here, or without a container)`]),
  ]
  const isZoned = watched.some(({ wishes }) => wishes.window !== null || wishes.every.kind === 'cron')
  const where = isZoned ? `; cron lines and windows are meant in ${zone}` : ''
  return `${count(watched.length, 'stack')} ${watched.length === 1 ? 'is' : 'are'} watched: ${parts.join(', ')}${where}`
}

function plan(next: NextCheck | null): string {
  return next === null || next.at === null || isLate(next) ? '' : `; next check ${new Date(next.at).toISOString()}`
}

function sayLate(next: NextCheck, say: Say): void {
  if (next.at === null)
    say({ level: 'hint', what: 'No check for new images is planned', todo: "This host's worker plans it when it starts. Does it run?" })
  else if (isLate(next)) {
    const what = `The check of ${new Date(next.at).toISOString()} is overdue`
    say({ level: 'hint', what, todo: "Does this host's worker run? Its log says why where it does: watch_failed." })
  }
}

function isLate({ at, now }: NextCheck): boolean {
  return at !== null && at + LATE < now
}

function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`
}
