import type { Job } from '@deployer/shared/job'
import type { NotifyEvent, OutboxEntry } from '@deployer/shared/outbox'
import { describeChanges, placeOf, shortDigest } from './describe-changes.ts'
import type { Message } from './message.ts'

type Updates = Extract<OutboxEntry, { kind: 'updates' }>

/** The last lines of a step that are told. */
const TAIL_LINES = 15

const LEVELS: Record<NotifyEvent, Message['level']> = {
  started: 'info',
  succeeded: 'success',
  updated: 'success',
  failed: 'failure',
  rolled_back: 'warning',
  rollback_failed: 'failure',
  recovered: 'success',
  update_available: 'info',
  held: 'warning',
}

const WHAT: Record<Exclude<NotifyEvent, 'update_available'>, (action: string, refused: boolean) => string> = {
  started: (action) => `${action} has begun`,
  succeeded: (action) => `${action} succeeded`,
  updated: () => 'updated',
  failed: (action, refused) => (refused ? `${action} refused` : `${action} failed`),
  rolled_back: (action) => `${action} failed, the release before runs again`,
  rollback_failed: (action) => `${action} failed, and so did the way back`,
  recovered: () => 'works again',
  held: (action) => `no ${action}, the stack is held`,
}

const STATES: Record<Updates['updates'][number]['state'], string> = {
  pending: 'is deployed with the next round',
  settling: 'waits until no image of the stack changes any more',
  cooling: 'waits until it is old enough',
  window: 'waits for the window',
  notify: 'is not deployed by itself',
  held: 'the stack is held',
  skipped: 'is skipped',
  quarantined: 'was rolled back, or gone back from, and is not tried again by itself',
  local: 'has no registry',
  unknown: 'its registry does not answer',
}

/** A message about a job. @param publicUrl Without a slash at its end; `undefined`: there is no page to link to. */
export function jobMessage(
  event: Exclude<NotifyEvent, 'update_available'>,
  job: Job,
  at: string,
  late: boolean,
  publicUrl?: string,
): Message {
  const { stack, host, action, job_id, by, source, code } = job
  const phase = late ? 'late' : job.finished_at === null ? 'start' : 'end'
  const failed = job.steps.find(({ ok }) => !ok)
  const refused = code !== null && !['step_failed', 'rollback_failed'].includes(code)
  const asked = source === 'request' || source === 'watch' ? (source === 'watch' ? 'watching' : by) : `${by} (${source})`
  return {
    id: `${job_id}-${phase}`,
    event,
    at,
    level: LEVELS[event],
    title: `${stack}: ${WHAT[event](action, refused)}`,
    lines: [
      ...(late ? ['What this job had left open has been ended.'] : []),
      ...describeChanges(job.changes),
      ...describeChanges(job.taken_back).map((line) => `Taken back: ${line}`),
      ...(job.message === null ? [] : [`${job.message}${refused ? ` (${code})` : ''}`]),
      ...(job.degraded.length === 0 ? [] : [`Broken before, and still: ${job.degraded.join(', ')}`]),
      `On ${host}${job.release === null ? '' : `, release ${job.release}`}, asked for by ${asked}; job ${job_id}`,
    ],
    tail: event === 'recovered' ? '' : lastLines(failed?.tail ?? ''),
    todo: whatToDo(event, job),
    link: publicUrl === undefined ? null : `${publicUrl}/ui/jobs/${job_id}`,
    data: { job },
  }
}

function whatToDo(event: NotifyEvent, { source, job_id, stack }: Job): string {
  const look = `deployer job ${job_id} tells more.`
  switch (event) {
    case 'rolled_back': {
      const again = source === 'watch' ? 'This image is not tried again by itself.' : 'Mend what failed, then deploy again.'
      return `Nothing has to be done at once. ${again}`
    }
    case 'rollback_failed':
      return `Look at the stack now. ${look}`
    case 'failed':
      return look
    case 'held':
      return `deployer release-hold ${stack} lets deploys pass again.`
    default:
      return ''
  }
}

/** One message for all that a check has found. @param id Of the outbox's entry. */
export function updatesMessage(id: string, { host, at, updates }: Updates, publicUrl?: string): Message {
  const [first] = updates
  const what =
    updates.length === 1 && first ? `${first.stack}: a new image for ${first.service}` : `${updates.length} new images on ${host}`
  return {
    id: `updates-${id}`,
    event: 'update_available',
    at,
    level: LEVELS.update_available,
    title: what,
    lines: [
      ...updates.map(({ stack, service, image, running, running_version, source, available, state, eligible_at }) => {
        const now = shortDigest(running ?? 'unknown')
        const from = running_version ? `${running_version} (${now})` : now
        const digests = `${from} → ${shortDigest(available ?? 'unknown')}`
        const when = eligible_at === null ? '' : ` (from ${eligible_at} on)`
        return `${stack}/${service}: ${image} ${digests}: ${STATES[state]}${when}${placeOf(source)}`
      }),
      `On ${host}`,
    ],
    tail: '',
    todo: updates.some(({ state }) => state === 'notify') ? 'deployer deploy <stack> deploys one of them now.' : '',
    link: publicUrl === undefined ? null : `${publicUrl}/ui`,
    data: { host, updates },
  }
}

/** A message that only shows that messages arrive. */
export function testMessage(id: string, at: string, publicUrl?: string): Message {
  return {
    id,
    event: 'test',
    at,
    level: 'info',
    title: 'Deployer: a test',
    lines: ['Messages of Deployer arrive here.'],
    tail: '',
    todo: '',
    link: publicUrl === undefined ? null : `${publicUrl}/ui`,
    data: {},
  }
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
}
