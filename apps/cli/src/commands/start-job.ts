import { randomBytes } from 'node:crypto'
import type { Job } from '@deployer/shared/job'
import type { ApiClient } from '../api-client.ts'
import type { Terminal } from '../context.ts'
import { exitCodeOf } from '../exit-codes.ts'
import { followJob } from '../follow.ts'
import { formatOutcome, indent } from '../format.ts'
import { showProgress } from '../show-progress.ts'

export interface StartOptions {
  wait?: boolean
  detach?: boolean
  json?: boolean
  host?: string
  /** Seconds. */
  timeout: number
}

/** Starts a deploy or a rollback, and follows it as asked. @returns The exit code. */
export async function startJob(
  action: 'deploy' | 'rollback',
  stack: string,
  options: StartOptions,
  api: ApiClient,
  terminal: Terminal,
): Promise<number> {
  const query = new URLSearchParams({ wait: 'false', ...(options.host === undefined ? {} : { host: options.host }) })
  const name = encodeURIComponent(stack)
  const path = action === 'deploy' ? `/deploy/${name}` : `/stacks/${name}/rollback`
  // Two requests for one stack in the same second would sign the same bytes, and the second one would be a replay.
  const job = await api.call<Job>('POST', `${path}?${query.toString()}`, { nonce: randomBytes(12).toString('hex') })
  if (options.detach) {
    if (options.json) terminal.print(JSON.stringify(job))
    else terminal.print(job.job_id)
    return 0
  }
  terminal.say(`job ${job.job_id} on ${job.host}${job.coalesced ? ', joined the one that waits' : ''}`)
  const progress = options.wait ? { stop: () => undefined } : showProgress(terminal, `${action} ${stack}`)
  const ended = await followJob(api, job.job_id, progress, AbortSignal.timeout(options.timeout * 1000)).finally(progress.stop)
  const last = ended ?? (await api.call<Job>('GET', `/jobs/${job.job_id}`))
  if (options.json) terminal.print(JSON.stringify(last))
  for (const { ok, name, tail } of last.steps) {
    if (!ok) for (const line of [`${name} said:`, ...indent(tail)]) terminal.say(line)
  }
  terminal.say(formatOutcome(last))
  if (last.ok === null) terminal.say(`The time is over; the job goes on: deployer job ${last.job_id}`)
  return exitCodeOf(last)
}
