import { JobAborted } from '../../apps/worker/src/queue/job-aborted.ts'
import { Unfinished } from '../../apps/worker/src/queue/work-on.ts'
import type { Process, Stroke } from './fate.ts'
import { Host, STACK, type HostState, type QueuedJob } from './host.ts'
import { finishOpen, journalOf, runHelper, startJob } from './start-job.ts'

/** What is simulated: a job on a host. */
export interface Scenario {
  name: string
  state: HostState
  action: 'deploy' | 'rollback' | 'plan'
  /** In what it ends where nothing but deaths happens. `untouched`: as it was, and no container is another one. */
  ends: 'target' | 'before' | 'untouched'
  /** The services that watching updates, with their digests. */
  only?: Record<string, string>
  /** What these ran when that was decided. */
  replaces?: Record<string, string[]>
  /** What runs when the target does, where the files do not say so. */
  target?: string
  /** The stack has the worker that updates it. */
  isSelf?: boolean
  /** `false`: the DATA_DIR of that worker ends with its container. */
  keepsData?: boolean
  /** Who goes on after a death, before the job's next start: nobody, the recovery, or another job of the stack. */
  next?: 'recovery' | 'another job'
  /** What somebody does to the host between a death and the next start. */
  meanwhile?: (state: HostState) => void
}

/** What became of a run. */
export interface Run {
  host: Host
  job: QueuedJob
  /** As it was at the beginning. */
  first: HostState
  points: number
}

/** Runs a scenario to its end, with what strikes it. @throws When it does not end. */
export async function simulate(scenario: Scenario, strokes: Stroke[], keepLines = false): Promise<Run> {
  const { isSelf = false, keepsData = true } = scenario
  const host = new Host(JSON.parse(JSON.stringify(scenario.state)) as HostState, strokes, { isSelf, keepsData, keepLines })
  const job = queue(host, '00000000-0000-7000-8000-000000000001', scenario.action, scenario)
  let failure: Error | undefined
  let isOver = false
  host.startHelperProcess = (name) => void helperLife(host, name)
  const life = live(host, scenario, job).then(
    (ended) => ((isOver = true), ended),
    (error: Error) => {
      failure = error
      isOver = true
      return job
    },
  )
  try {
    await host.time.until('the end of the run', () => isOver)
  } catch (error) {
    throw new Trouble(host, String(error))
  }
  if (failure) throw new Trouble(host, failure.stack ?? failure.message)
  return { host, job: await life, first: scenario.state, points: host.fate.points() }
}

/** A run that is not as it has to be. */
export class Trouble extends Error {
  readonly host: Host

  constructor(host: Host, what: string) {
    super(what)
    this.host = host
  }
}

function queue(
  host: Host,
  id: string,
  action: Scenario['action'],
  { only, replaces }: Pick<Scenario, 'only' | 'replaces'> = {},
): QueuedJob {
  const watch = only && ({ only, ...(replaces && { replaces }), source: 'watch', caller: 'watch' } as const)
  const data = { stack: STACK, host: 'host', action, source: 'request' as const, caller: 'ci', ...watch }
  const job: QueuedJob = { id, data, attempt: 0, report: null }
  host.jobs.set(id, job)
  return job
}

const MOST_STARTS = 12

async function live(host: Host, scenario: Scenario, first: QueuedJob): Promise<QueuedJob> {
  let job = first
  for (let starts = 0; job.report === null; starts++) {
    if (starts > MOST_STARTS) throw new Error('the job is started again and again')
    const how = await oneStart(host, scenario, job)
    if (how === 'ended') break
    await host.time.wait(host.pause)
    scenario.meanwhile?.(host.state)
    host.writeFiles()
    if (host.jobs.get(job.id) !== job) {
      // Redis has lost it: what has begun is ended, and only then it is queued again.
      await recover(host, scenario)
      if (journalOf(host).file.untold.length === 0) break
      job = queue(host, job.id, scenario.action, scenario)
    } else if (scenario.next === 'recovery') await recover(host, scenario)
    else if (scenario.next === 'another job' && starts === 0) {
      const other = queue(host, '00000000-0000-7000-8000-000000000002', 'deploy')
      for (let more = 0; other.report === null && more < MOST_STARTS; more++) {
        await oneStart(host, scenario, other)
        await host.time.wait(host.pause)
      }
    }
  }
  for (let looks = 0; journalOf(host).file.open !== null || host.helper !== null; looks++) {
    if (looks > MOST_STARTS) throw new Error('what is open is not ended')
    await host.time.wait(10_000)
    if (host.helper === null) await recover(host, scenario)
  }
  for (const { jobId } of journalOf(host).file.untold) {
    const known = host.jobs.get(jobId) ?? queue(host, jobId, scenario.action)
    for (let more = 0; more < MOST_STARTS && journalOf(host).file.untold.some((one) => one.jobId === jobId); more++) {
      await oneStart(host, scenario, known)
      await host.time.wait(host.pause)
    }
    if (jobId === job.id) job = known
  }
  await host.time.wait(90_000)
  return job
}

/** @returns Whether the job has ended with it. */
function oneStart(host: Host, scenario: Scenario, job: QueuedJob): Promise<'ended' | 'died'> {
  return inProcess(host, scenario, (process, container) => startJob(host, process, job, container).then(() => undefined))
}

async function recover(host: Host, scenario: Scenario): Promise<void> {
  for (let looks = 0; journalOf(host).file.open !== null; looks++) {
    if (looks > MOST_STARTS) throw new Error('the recovery does not end what is open')
    await inProcess(host, scenario, (process, container) => finishOpen(host, process, container))
    await host.time.wait(10_000)
  }
}

async function inProcess(
  host: Host,
  scenario: Scenario,
  work: (process: Process, container: string | null) => Promise<void>,
): Promise<'ended' | 'died'> {
  const container = scenario.isSelf ? await workerContainer(host) : null
  return new Promise((resolve, reject) => {
    const process = host.process(`worker ${container ?? ''}`, () => resolve('died'))
    work(process, container).then(
      () => {
        if (process.dead) return
        host.leave(process)
        resolve('ended')
      },
      (error: unknown) => {
        if (process.dead) return
        host.fate.say(`the start failed: ${String(error)} ${error instanceof Unfinished ? String(error.cause) : ''}`)
        const isExpected = error instanceof JobAborted || error instanceof Unfinished
        host.leave(process)
        if (isExpected) resolve('died')
        else reject(error)
      },
    )
  })
}

/** The container that a worker of the stack itself runs in, once there is one. */
async function workerContainer(host: Host): Promise<string> {
  for (let looks = 0; looks < 10_000; looks++) {
    const found = host.engine.state.containers.find(({ service, state }) => service === 'worker' && state === 'running')
    if (found) return found.id
    await host.time.wait(500)
  }
  throw new Error('the stack has no worker any more')
}

/** A helper, as the engine starts it until it has removed itself. */
async function helperLife(host: Host, name: string): Promise<void> {
  while (host.helper !== null) {
    await new Promise<void>((resolve) => {
      const process = host.process(`helper ${name}`, resolve)
      runHelper(host, process, name).catch((error: unknown) => {
        if (!process.dead) host.fate.say(`the helper failed: ${String(error)}`)
        host.end(process)
      })
    })
    if (host.helper !== null) await host.time.wait(200)
    while (host.engine.away) await host.time.wait(200)
  }
}
