import { randomBytes } from 'node:crypto'
import type { Job } from '@deployer/shared/job'
import { IS_UNKNOWN, type Hold, type Update } from '@deployer/shared/updates'
import type { ApiClient } from '../api-client.ts'
import type { Terminal } from '../context.ts'
import { exitCodeOf } from '../exit-codes.ts'
import { formatTable, formatWait, shortDigest } from '../format.ts'
import { formatOutcome } from '../format-job.ts'
import { followToEnd, requestJob, type StartOptions } from './start-job.ts'

/** A stack as `GET /stacks` tells it, as far as new images go. An API of the release before says nothing of them. */
interface WatchedStack {
  stack: string
  host: string
  online: boolean
  updates?: Update[]
  checked_at?: string | null
  hold?: Hold | null
}

/** `deployer check [<stack>]`: asks the registries now, and shows what there is. @returns The worst outcome. */
export async function checkStacks(stack: string | undefined, options: StartOptions, api: ApiClient, terminal: Terminal): Promise<number> {
  const all = stack === undefined ? await listWatched(api) : []
  // Nobody answers there: the job would wait for it.
  for (const away of all.filter(({ online }) => !online))
    terminal.say(`… ${away.stack} on ${away.host}: the host is away, so it is not checked`)
  const places = stack === undefined ? all.filter(({ online }) => online) : [{ stack, host: options.host }]
  const asked: Job[] = []
  for (const { stack: name, host } of places)
    asked.push(await requestJob('check', name, { ...options, ...(host === undefined ? {} : { host }) }, api))
  const tell = (jobs: Job[]) => terminal.print(JSON.stringify(stack === undefined ? jobs : jobs[0]))
  if (options.detach) {
    if (options.json) tell(asked)
    else for (const { job_id } of asked) terminal.print(job_id)
    return 0
  }
  const ended: Job[] = []
  for (const job of asked) {
    const last = await followToEnd(job, options, api, terminal)
    ended.push(last)
    terminal.say(formatOutcome(last))
    for (const line of unanswered(last)) terminal.say(line)
  }
  if (options.json) tell(ended)
  else print(await listWatched(api, ended), terminal)
  return Math.max(0, ...ended.map(exitCodeOf))
}

/** What a check says of registries that gave no answer. */
function unanswered({ steps }: Job): string[] {
  return steps.flatMap(({ tail }) => tail.split('\n').filter((line) => line.includes(` ${IS_UNKNOWN}`))).map((line) => `  ${line}`)
}

/** `deployer updates`: newer images, and why they are not deployed yet. */
export async function listUpdates(json: boolean | undefined, api: ApiClient, terminal: Terminal): Promise<number> {
  const stacks = await listWatched(api)
  if (json) terminal.print(JSON.stringify(stacks))
  else print(stacks, terminal)
  return 0
}

/** `deployer skip <stack> <service>` */
export async function skipUpdate(
  stack: string,
  service: string,
  options: { host?: string; json?: boolean },
  api: ApiClient,
  terminal: Terminal,
): Promise<number> {
  const body = { service, host: options.host, nonce: randomBytes(12).toString('hex') }
  const skipped = await api.call<{ image: string; digest: string; host: string }>('POST', `/stacks/${encodeURIComponent(stack)}/skip`, body)
  if (options.json) terminal.print(JSON.stringify(skipped))
  else
    terminal.print(
      `${skipped.image} ${shortDigest(skipped.digest)} is left out of ${service} in ${stack} on ${skipped.host}, until its name has another one`,
    )
  return 0
}

/** @param of Only those that these jobs are about. */
async function listWatched(api: ApiClient, of?: Pick<Job, 'stack' | 'host'>[]): Promise<WatchedStack[]> {
  const { stacks } = await api.call<{ stacks: WatchedStack[] }>('GET', '/stacks')
  return stacks
    .filter((one) => of === undefined || of.some(({ stack, host }) => one.stack === stack && one.host === host))
    .toSorted((a, b) => (`${a.stack} ${a.host}` < `${b.stack} ${b.host}` ? -1 : 1))
    .map(({ stack, host, online, updates = [], checked_at = null, hold = null }) => ({ stack, host, online, updates, checked_at, hold }))
}

function print(stacks: WatchedStack[], terminal: Terminal): void {
  const several = (name: string) => stacks.filter(({ stack }) => stack === name).length > 1
  const label = ({ stack, host }: WatchedStack) => (several(stack) ? `${stack} on ${host}` : stack)
  const rows = stacks.flatMap((stack) =>
    (stack.updates ?? []).map((update) => [label(stack), update.service, digest(update.running), digest(update.available), whyNot(update)]),
  )
  if (rows.length > 0) terminal.print(formatTable(['STACK', 'SERVICE', 'RUNNING', 'AVAILABLE', 'WHY NOT YET'], rows))
  else terminal.print('nothing newer is known')
  for (const stack of stacks) if (stack.hold) terminal.print(formatHold(label(stack), stack.hold))
  const never = stacks.filter(({ checked_at }) => !checked_at).map(label)
  if (never.length > 0) terminal.print(`never checked: ${never.join(', ')}`)
}

/** A hold in a line. */
export function formatHold(stack: string, { by, since, until, reason }: Hold): string {
  return `${stack} is held by ${by} since ${since}${until === null ? '' : ` until ${until}`}: ${reason.replaceAll(/\s+/g, ' ')}`
}

function digest(value: string | null): string {
  return value === null ? '-' : shortDigest(value)
}

function whyNot({ state, eligible_at }: Update): string {
  const wait = eligible_at === null ? 0 : Date.parse(eligible_at) - Date.now()
  return wait > 0 ? `${state}, in ${formatWait(wait)}` : state
}
