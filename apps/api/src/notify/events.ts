import type { Job } from '@deployer/shared/job'
import type { NotifyEvent } from '@deployer/shared/outbox'

/** What is remembered of a stack, to tell what is new about it. */
export interface StackMemory {
  /** The entry that was decided last, in a form that sorts by age. */
  entry: string
  /** What was decided of it. */
  events: NotifyEvent[]
  /** How it fails: outcome and step; `null`: it does not. */
  kind: string | null
  /** What was told of that, and when: milliseconds since the epoch. Of two services that fail now one is the first, now the other. */
  told: Record<string, number>
}

/**
 * Decides what an entry about a job counts as, the most telling first; nothing where it is not to be told. Deciding an entry again gives the same, until
 * a newer one has been decided.
 *
 * @param entry Its id, in a form that sorts by age.
 * @param late The job's end was told before, and what it had left open has ended since.
 * @param repeat Milliseconds after which an unchanged failure is told again.
 */
export function decide(
  memory: StackMemory | null,
  entry: string,
  job: Job,
  late: boolean,
  at: number,
  repeat: number,
): { memory: StackMemory; events: NotifyEvent[] } {
  if (memory?.entry === entry) return { memory, events: memory.events }
  // Who decided that newer one has dealt with this one before.
  if (memory && memory.entry > entry) return { memory, events: [] }
  // What a worker has ended after all runs as it should.
  const fault = late && job.code !== 'rollback_failed' ? null : faultOf(job)
  const before = fault !== null && memory?.kind === fault.kind ? memory.told : {}
  const told = Object.fromEntries(Object.entries(before).filter(([, toldAt]) => at - toldAt < repeat))
  const known = fault !== null && Object.hasOwn(told, fault.core)
  if (fault !== null && !known) told[fault.core] = at
  const events = known ? [] : eventsOf(job, late, memory?.kind != null)
  return { memory: { entry, events, kind: fault?.kind ?? null, told }, events }
}

/** What differs from one time to the next: times, ids and digests, and numbers that stand alone. Those in the name of a service do not. */
const VARYING = new RegExp(
  [
    String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`,
    String.raw`\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`,
    String.raw`\b[0-9a-f]{12,}\b`,
    String.raw`(?<![\w-])\d+(?:\.\d+)*(?:m?s)?(?!\w|-\w)`,
  ].join('|'),
  'gi',
)

/** What a failure has in common with one that is the same; `null` for what is none. */
function faultOf({ state, code, rolled_back, message, steps }: Job): { kind: string; core: string } | null {
  if (state !== 'failed') return null
  const step = steps.find(({ ok }) => !ok)?.name ?? ''
  return { kind: [code, rolled_back, step].join(' '), core: (message ?? '').replace(VARYING, '#') }
}

function eventsOf(job: Job, late: boolean, wasFailing: boolean): NotifyEvent[] {
  const { state, code, action, source, changes, rolled_back } = job
  if (late) return code === 'rollback_failed' ? ['rollback_failed'] : ['recovered']
  if (state === 'failed') {
    if (code === 'held') return ['held']
    return [code === 'rollback_failed' ? 'rollback_failed' : rolled_back ? 'rolled_back' : 'failed']
  }
  if (action !== 'deploy' && action !== 'rollback') return []
  if (state === 'running') return ['started']
  if (state !== 'succeeded') return []
  const updated: NotifyEvent[] = source === 'watch' && changes.length > 0 ? ['updated'] : []
  return [...(wasFailing ? (['recovered'] as const) : []), ...updated, 'succeeded']
}

/**
 * What a job is remembered under; `null` where its entry says nothing about how it is with its stack. Plans and checks have a memory of their own:
 * a stack does not fail by them.
 */
export function memoryOf({ host, stack, action, code, state }: Job): string | null {
  if (state === 'running' || state === 'canceled') return null
  const about = code === 'held' ? 'held' : action === 'plan' || action === 'check' ? action : ''
  return `${host}/${stack}${about && ` ${about}`}`
}

/** The id of a stream's entry in a form that sorts by age. */
export function sortable(entryId: string): string {
  const [time = '', number = ''] = entryId.split('-')
  return `${time.padStart(16, '0')}-${number.padStart(10, '0')}`
}
