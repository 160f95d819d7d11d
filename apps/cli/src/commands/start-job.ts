import { randomBytes } from 'node:crypto'
import type { Job } from '@deployer/shared/job'
import type { ApiClient } from '../api-client.ts'
import type { Terminal } from '../context.ts'
import { exitCodeOf } from '../exit-codes.ts'
import { followJob } from '../follow.ts'
import { indent } from '../format.ts'
import { formatDegraded, formatOutcome } from '../format-job.ts'
import { showProgress } from '../show-progress.ts'

export interface StartOptions {
  wait?: boolean
  detach?: boolean
  json?: boolean
  host?: string
  /** Of a rollback: the number of the release to go to. */
  to?: number
  /** Of a deploy: digests by service. */
  expect?: Record<string, string>
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
  const job = await requestJob(action, stack, options, api)
  if (options.detach) {
    if (options.json) terminal.print(JSON.stringify(job))
    else terminal.print(job.job_id)
    return 0
  }
  terminal.say(`job ${job.job_id} on ${job.host}${job.coalesced ? ', joined the one that waits' : ''}`)
  const last = await followToEnd(job, options, api, terminal)
  if (options.json) terminal.print(JSON.stringify(last))
  for (const { ok, name, tail } of last.steps) {
    if (!ok) for (const line of [`${name} said:`, ...indent(tail)]) terminal.say(line)
  }
  for (const line of [formatOutcome(last), ...formatDegraded(last)]) terminal.say(line)
  if (last.ok === null) terminal.say(`The time is over; the job goes on: deployer job ${last.job_id}`)
  return exitCodeOf(last)
}

/** Asks for a job. @throws {CommandEnd} when it is refused. */
export async function requestJob(action: Job['action'], stack: string, { host, to, expect }: StartOptions, api: ApiClient): Promise<Job> {
  const query = new URLSearchParams({ wait: 'false', ...(host === undefined ? {} : { host }) })
  const name = encodeURIComponent(stack)
  const path = action === 'deploy' ? `/deploy/${name}` : `/stacks/${name}/${action}`
  // Two requests for one stack in the same second would sign the same bytes, and the second one would be a replay.
  return api.call<Job>('POST', `${path}?${query.toString()}`, { to, expect, nonce: randomBytes(12).toString('hex') })
}

/** @returns The job at its end, or as it is when the time is over. */
export async function followToEnd(job: Job, options: StartOptions, api: ApiClient, terminal: Terminal): Promise<Job> {
  const progress = options.wait ? { stop: () => undefined } : showProgress(terminal, `${job.action} ${job.stack}`)
  const ended = await followJob(api, job.job_id, progress, AbortSignal.timeout(options.timeout * 1000)).finally(progress.stop)
  return ended ?? (await api.call<Job>('GET', `/jobs/${job.job_id}`))
}
