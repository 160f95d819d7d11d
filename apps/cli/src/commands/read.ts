import type { Job } from '@deployer/shared/job'
import type { ApiClient } from '../api-client.ts'
import type { Terminal } from '../context.ts'
import { exitCodeOf } from '../exit-codes.ts'
import { followJob } from '../follow.ts'
import { formatTable } from '../format.ts'
import { formatJob } from '../format-job.ts'

/** A stack as `GET /stacks` tells it. */
interface ListedStack {
  stack: string
  host: string
  online: boolean
  services: string[]
  running: boolean
  hold?: unknown
  drifted?: string[]
  last_job: Pick<Job, 'job_id' | 'state' | 'finished_at'> | null
}

/** `deployer job <id>`: the exit code tells the outcome of a job that has ended. */
export async function showJob(id: string, json: boolean | undefined, api: ApiClient, terminal: Terminal): Promise<number> {
  const job = await api.call<Job>('GET', `/jobs/${encodeURIComponent(id)}`)
  terminal.print(json ? JSON.stringify(job) : formatJob(job))
  return job.ok === null ? 0 : exitCodeOf(job)
}

/** `deployer jobs` */
export async function listJobs(
  options: { stack?: string; state?: string; limit?: string; json?: boolean },
  api: ApiClient,
  terminal: Terminal,
): Promise<number> {
  const { json, ...asked } = options
  const query = new URLSearchParams(asked).toString()
  const { jobs } = await api.call<{ jobs: Job[] }>('GET', `/jobs${query && `?${query}`}`)
  const rows = jobs.map(({ job_id, stack, host, action, to, state, code, by, queued_at }) => {
    return [job_id, stack, host, to === null ? action : `${action} ${to}`, code ?? state, by, queued_at]
  })
  terminal.print(json ? JSON.stringify(jobs) : formatTable(['JOB', 'STACK', 'HOST', 'ACTION', 'OUTCOME', 'BY', 'QUEUED'], rows))
  return 0
}

/** `deployer stacks` */
export async function listStacks(json: boolean | undefined, api: ApiClient, terminal: Terminal): Promise<number> {
  const { stacks } = await api.call<{ stacks: ListedStack[] }>('GET', '/stacks')
  const rows = stacks.map(({ stack, host, online, running, services, last_job, hold, drifted }) => {
    const state = `${online ? (running ? 'running' : 'stopped') : 'host away'}${drifted?.length ? ', drifted' : ''}${hold ? ', held' : ''}`
    return [stack, host, state, services.join(', ') || '-', last_job ? `${last_job.state} ${last_job.finished_at ?? ''}`.trim() : '-']
  })
  terminal.print(json ? JSON.stringify(stacks) : formatTable(['STACK', 'HOST', 'STATE', 'SERVICES', 'LAST JOB'], rows))
  return 0
}

/** `deployer logs <id> [-f]`: what compose said, line by line; without `-f`, what there is now. */
export async function showLogs(
  id: string,
  options: { follow?: boolean; timeout: number },
  api: ApiClient,
  terminal: Terminal,
): Promise<number> {
  const job = await api.call<Job>('GET', `/jobs/${encodeURIComponent(id)}`)
  if (!options.follow && job.ok === null) {
    for (const { name, tail } of job.steps) for (const line of tail.trimEnd().split('\n')) terminal.print(`${name} | ${line}`)
    return 0
  }
  const log = (step: string, line: string) => terminal.print(`${step} | ${line}`)
  const gap = () => terminal.say('… what came here is no longer kept …')
  const ended = await followJob(api, job.job_id, { log, gap }, AbortSignal.timeout(options.timeout * 1000))
  return options.follow ? exitCodeOf(ended ?? job) : 0
}

/** `deployer cancel <id>` */
export async function cancelJob(id: string, json: boolean | undefined, api: ApiClient, terminal: Terminal): Promise<number> {
  const job = await api.call<Job>('DELETE', `/jobs/${encodeURIComponent(id)}`)
  if (json) terminal.print(JSON.stringify(job))
  else terminal.print(job.state === 'canceled' ? `${job.job_id} is canceled` : `${job.job_id} is being canceled`)
  return 0
}
