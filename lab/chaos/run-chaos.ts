import { setTimeout as delay } from 'node:timers/promises'
import { composeProcesses, watchCompose } from '../compose-watch.ts'
import type { Engine } from '../engine.ts'
import type { OwnEngine } from '../own-engine.ts'
import { createRandom, type Random } from '../random.ts'
import { startRegistry } from '../registry.ts'
import { publishImage } from '../sample-image.ts'
import { untilKept } from '../start-stack.ts'
import { until } from '../until.ts'
import { createWorld } from '../world.ts'
import { startContainers } from './containers.ts'
import { chooseFaults, type Fault, type Round, type System } from './fault.ts'
import { hasKeptPort } from './kept-port.ts'
import { startProcesses } from './processes.ts'
import { surroundings } from './surroundings.ts'
import { addTarget, chooseMove, describe, isSame, type State, type Target } from './target.ts'

/** What is to be broken. */
export interface ChaosOptions {
  rounds: number
  /** Repeats a run, as far as the machine does. */
  seed: number
  /** What docker-compose.yml starts, or processes of this machine with two workers. */
  system: 'containers' | 'processes'
  engine: Engine
  /** The same engine, where it may be broken too. */
  own: OwnEngine | null
  /** The engine that builds the image of Deployer. */
  builder: Engine
  say: (line: string) => void
}

/** What a run of chaos has come to. */
export interface ChaosResult {
  rounds: number
  jobs: number
  succeeded: number
  failed: number
  /** Jobs that an emptied Redis has forgotten. */
  lost: number
  /** Jobs that failed since a killed engine kept a port that nobody has: it was started again, and the job asked for again. */
  keptPorts: number
  /** How many faults of each kind found something to break. */
  faults: Map<string, number>
  /** What should not have been; empty is the aim. */
  findings: string[]
}

interface Asked {
  target: Target
  path: string
  body: object | undefined
  /** What runs if it succeeds. */
  to: State
  good: boolean
  jobId: string
}

const STACKS = 3
/** Seconds in which a job ends, whatever is away meanwhile. */
const PATIENCE = 240

/**
 * Changes several stacks in ways that can and cannot work, breaks what can be broken meanwhile, and checks after every round that no job was lost, no two
 * compose runs were in a stack, every stack runs exactly what its job says, and nothing is left over.
 */
export async function runChaos({ rounds, seed, system: kind, engine, own, builder, say }: ChaosOptions): Promise<ChaosResult> {
  const random = createRandom(seed)
  const world = createWorld(engine)
  const registry = await startRegistry()
  const result: ChaosResult = { rounds: 0, jobs: 0, succeeded: 0, failed: 0, lost: 0, keptPorts: 0, faults: new Map(), findings: [] }
  let system: System | undefined
  try {
    await publishImage(engine, `${registry.address}/chaos-db:latest`, 'db', 'idle')
    const targets: Target[] = []
    for (let index = 0; index < STACKS; index++) {
      targets.push(await addTarget(engine, world, registry.address, `chaos-${index}`, index === STACKS - 1))
    }
    const dirs = targets.map(({ stack }) => stack.dir)
    system = await (kind === 'containers' ? startContainers(engine, world, builder) : startProcesses(world, dirs))
    for (const { stack } of targets) await untilKept(system.client(), stack.name)
    system.faults.push(...surroundings(dirs, registry, own))
    for (const { name } of system.faults) result.faults.set(name, 0)
    for (let round = 1; round <= rounds; round++) {
      const findings = await playRound(round, random, targets, system, own, result)
      result.rounds++
      result.findings.push(...findings.map((finding) => `round ${round}: ${finding}`))
      const doing = `${result.jobs} jobs, ${[...result.faults.values()].reduce((sum, count) => sum + count, 0)} faults`
      say(`round ${round}/${rounds}: ${doing}, ${findings.length === 0 ? 'all well' : findings.join('; ')}`)
    }
  } finally {
    await system?.close()
    await world.close()
    await registry.stop()
  }
  return result
}

/** One round: make ready, break, ask, wait, check. */
async function playRound(
  number: number,
  random: Random,
  targets: Target[],
  system: System,
  own: OwnEngine | null,
  result: ChaosResult,
): Promise<string[]> {
  const dirs = targets.map(({ stack }) => stack.dir)
  const findings: string[] = []
  const asked: Asked[] = []
  for (const target of targets) if (random.chance(0.75)) asked.push(await makeReady(target, number, random))
  const watch = watchCompose(dirs, 20)
  const over = new AbortController()
  const round: Round = { random, untilRollback: () => untilRollback(asked, system, over.signal) }
  const faults = chooseFaults(system.faults, random)
  const breaking = faults.map(async (fault) => {
    await delay(random.below(3000))
    const hit = await fault.putIn(round).catch((error: Error) => findings.push(`${fault.name} went wrong: ${error.message}`))
    if (hit) result.faults.set(fault.name, (result.faults.get(fault.name) ?? 0) + 1)
  })
  for (const one of asked) one.jobId = await ask(system, one, `round-${number}`)
  const ends = await Promise.all(asked.map((one) => untilEnd(system, one.jobId)))
  over.abort()
  await Promise.all(breaking)
  const excuses = faults.map((fault) => fault.excuses)
  for (const [index, one] of asked.entries()) {
    let job = ends[index]
    if (job === 'lost' && excuses.includes('loss')) {
      // As a caller does whose job is not known any more.
      result.lost++
      one.jobId = await ask(system, one, `round-${number}-again`)
      job = await untilEnd(system, one.jobId)
    }
    if (own && (await hasKeptPort(own, job))) {
      result.keptPorts++
      await own.restart('SIGTERM', 0)
      one.jobId = await ask(system, one, `round-${number}-with-its-port`)
      job = await untilEnd(system, one.jobId)
    }
    result.jobs++
    findings.push(...(await settle(one, job, excuses, result)))
  }
  for (const target of targets) findings.push(...(await inspect(target)))
  for (const one of asked) findings.push(...(await holdToRelease(one, system)))
  watch.stop()
  if (watch.most() > 1) findings.push(`${watch.most()} compose runs at once in one stack`)
  const left = composeProcesses(...dirs)
  if (left.length > 0) findings.push(`compose processes left: ${left.join(', ')}`)
  if (findings.length > 0) findings.push(`(${faults.map(({ name }) => name).join(', ')})`)
  return findings
}

/** A change of the stack's file or image, or the way back to something that has run. */
async function makeReady(target: Target, round: number, random: Random): Promise<Asked> {
  const { name } = target.stack
  const former = [...target.releases].filter(([, state]) => !isSame(state, target.state)).slice(-3)
  if (former.length > 0 && random.chance(0.15)) {
    const [to, state] = random.pick(former)
    return { target, path: `/stacks/${name}/rollback`, body: { to }, to: state, good: true, jobId: '' }
  }
  const move = chooseMove(target, round, random)
  await target.prepare(move)
  return { target, path: `/deploy/${name}`, body: undefined, to: move.to, good: move.good, jobId: '' }
}

/** Asks until there is a 202, as a caller does who got none. */
async function ask(system: System, { target, path, body }: Asked, key: string): Promise<string> {
  const { name } = target.stack
  return until(
    `a 202 for ${name}`,
    async () => {
      const answer = await system.client().timed('POST', path, body, { 'Idempotency-Key': `${key}-${name}` })
      return answer.status === 202 ? (answer.body.job_id as string) : null
    },
    90,
  )
}

/** What is known of a job now; `null` when nobody can say. */
async function getJob(system: System, id: string): Promise<any> {
  const { status, body } = await system
    .client()
    .plain('GET', `/jobs/${id}`, id)
    .catch(() => ({ status: 0, body: null }))
  if (status === 404) return 'lost'
  return status === 200 ? body : null
}

/** How a job ended; `null` when it did not, `lost` when it is not known any more. */
async function untilEnd(system: System, id: string): Promise<any> {
  const look = async () => {
    const job = await getJob(system, id)
    return job === 'lost' || (job && job.ok !== null) ? job : null
  }
  return until(`the end of ${id}`, look, PATIENCE).catch(() => null)
}

async function untilRollback(asked: Asked[], system: System, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    for (const { jobId } of asked) {
      const job = jobId ? await getJob(system, jobId) : null
      if (job?.ok === null && job.steps.some(({ name, ok }: any) => ['up', 'verify'].includes(name) && ok === false)) return true
    }
    await delay(50)
  }
  return false
}

/** Holds a job's end to what was asked. */
async function settle({ target, to, good, jobId }: Asked, job: any, excuses: Fault['excuses'][], result: ChaosResult): Promise<string[]> {
  const { name } = target.stack
  if (job === null || job === 'lost') return [`job ${jobId} of ${name} ${job === null ? 'did not end' : 'was lost'}`]
  if (job.state === 'succeeded') {
    result.succeeded++
    target.state = to
    target.releases.set(job.release, to)
    return good ? [] : [`${describe(to)} of ${name} is bad, and its job succeeded`]
  }
  result.failed++
  const found: string[] = []
  if (good && excuses.every((excuse) => excuse === 'nothing')) found.push(`${describe(to)} of ${name} is good, and its job ${job.state}`)
  if (job.code === 'rollback_failed') found.push(`${name} could not go back`)
  return found.map((what) => `${what}: ${JSON.stringify(job)}`)
}

/** Checks that a stack runs what it should, and nothing else. */
async function inspect(target: Target): Promise<string[]> {
  const { stack, state } = target
  const seen = await until(`${describe(state)} of ${stack.name}`, async () => isSame(await target.look(), state), 20).then(
    () => null,
    () => target.look().then(describe, (error: Error) => error.message),
  )
  return [...(seen === null ? [] : [`${stack.name} runs ${seen} instead of ${describe(state)}`]), ...(await target.leftovers())]
}

/** Checks that the release that a job's answer names is the one that is said to run. */
async function holdToRelease({ target, jobId }: Asked, system: System): Promise<string[]> {
  const { name } = target.stack
  const job = await getJob(system, jobId)
  if (job?.release == null) return []
  const current = async () => {
    const { body } = await system.client().plain('GET', `/stacks/${name}/releases`, name)
    return body.releases.find((one: any) => one.current)?.number
  }
  return until(`release ${job.release} of ${name}`, async () => (await current()) === job.release, 20).then(
    () => [],
    async () => [`job ${jobId} says release ${job.release} of ${name} runs, and ${await current().catch(() => 'nobody')} is said to`],
  )
}
