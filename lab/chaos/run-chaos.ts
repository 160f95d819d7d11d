import { setTimeout as delay } from 'node:timers/promises'
import { composeProcesses, watchCompose } from '../compose-watch.ts'
import type { Engine } from '../engine.ts'
import { freePort } from '../free-port.ts'
import { createRandom, type Random } from '../random.ts'
import { startRedis } from '../redis.ts'
import { publishImage } from '../sample-image.ts'
import { until } from '../until.ts'
import { createWorld, untilPage, webFile, type LabStack } from '../world.ts'
import { FAULTS, putIn, type Fault, type System } from './faults.ts'

/** What a run of chaos has come to. */
export interface ChaosResult {
  rounds: number
  jobs: number
  succeeded: number
  failed: number
  /** How many faults of each kind found something to break. */
  faults: Record<Fault, number>
  /** What should not have been; empty is the aim. */
  findings: string[]
}

interface Target {
  stack: LabStack
  image: string
  /** The version that has to be served now. */
  version: string
}

interface Asked {
  target: Target
  version: string
  good: boolean
  jobId: string
}

/** Ready at once when it serves, so that rounds are short. */
const HEALTH = `    healthcheck:
      test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"]
      interval: 500ms
      timeout: 2s
      retries: 20
`
const STACKS = 3

/**
 * Deploys good and bad versions of several stacks with two workers, kills and freezes what can be killed and frozen, and checks after every round that no job was
 * lost, no two compose runs were in a stack, every stack is on the version that its jobs say, and nothing is left over.
 *
 * @param seed Repeats a run, as far as the machine does.
 */
export async function runChaos(
  engine: Engine,
  registry: string,
  { rounds, seed, say }: { rounds: number; seed: number; say: (line: string) => void },
): Promise<ChaosResult> {
  const random = createRandom(seed)
  const world = createWorld(engine)
  const redis = await startRedis()
  const settings = { REDIS_URL: redis.url, LOG_LEVEL: 'info' }
  const result: ChaosResult = {
    rounds: 0,
    jobs: 0,
    succeeded: 0,
    failed: 0,
    faults: Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as ChaosResult['faults'],
    findings: [],
  }
  try {
    const targets: Target[] = []
    for (let index = 0; index < STACKS; index++) {
      const image = `${registry}/chaos-${index}:latest`
      await publishImage(engine, image, 'v0')
      const stack = await world.addStack(`chaos-${index}`, webFile(image, HEALTH))
      await stack.compose('up', '-d')
      await untilPage(stack, 'v0')
      targets.push({ stack, image, version: 'v0' })
    }
    const startWorker = () => world.start('worker', settings)
    // The API comes back at its old address, as behind a proxy.
    const apiSettings = { ...settings, PORT: String(await freePort()) }
    const startApi = () => world.start('api', apiSettings)
    const system: System = {
      redis,
      api: await startApi(),
      workers: [await startWorker(), await startWorker()],
      dirs: targets.map(({ stack }) => stack.dir),
      startApi,
      startWorker,
    }
    for (let round = 1; round <= rounds; round++) {
      const findings = await playRound(engine, round, random, targets, system, result)
      result.rounds++
      result.findings.push(...findings.map((finding) => `round ${round}: ${finding}`))
      const doing = `${result.jobs} jobs, ${Object.values(result.faults).reduce((sum, count) => sum + count, 0)} faults`
      say(`round ${round}/${rounds}: ${doing}, ${findings.length === 0 ? 'all well' : findings.join('; ')}`)
    }
  } finally {
    await world.close()
    await redis.close()
  }
  return result
}

/** One round: ask, break, wait, check. */
async function playRound(
  engine: Engine,
  round: number,
  random: Random,
  targets: Target[],
  system: System,
  result: ChaosResult,
): Promise<string[]> {
  const watch = watchCompose(system.dirs, 20)
  const breaking: Promise<void>[] = []
  const chosen = new Set<Fault>()
  const first = random.below(system.workers.length)
  let workersHit = 0
  for (let count = 1 + random.below(3); count > 0; count--) {
    const fault = random.pick(FAULTS)
    const forWorker = fault.includes('worker')
    // Each worker and each other part has one fault a round; a job whose worker dies three times is given up on purpose.
    if (chosen.has(fault) || (forWorker && workersHit === system.workers.length)) continue
    chosen.add(fault)
    const index = (first + workersHit) % system.workers.length
    if (forWorker) workersHit++
    breaking.push(breakOne(fault, index, random.below(3000), system, random, result))
  }
  const composeHit = [...chosen].some((fault) => fault.includes('compose'))
  const asked: Asked[] = []
  for (const target of targets) {
    if (!random.chance(0.75)) continue
    const good = random.chance(0.7)
    const version = `v${round}${good ? '' : '-bad'}`
    await publishImage(engine, target.image, version, good ? 'serve' : 'crash')
    asked.push({ target, version, good, jobId: await ask(system, target, `round-${round}`) })
  }
  await Promise.all(breaking)
  const findings: string[] = []
  for (const one of asked) findings.push(...(await settle(one, system, composeHit, result)))
  for (const target of targets) findings.push(...(await inspect(engine, target)))
  watch.stop()
  if (watch.most() > 1) findings.push(`${watch.most()} compose runs at once in one stack`)
  const left = composeProcesses(...system.dirs)
  if (left.length > 0) findings.push(`compose processes left: ${left.join(', ')}`)
  return findings
}

async function breakOne(fault: Fault, index: number, after: number, system: System, random: Random, result: ChaosResult): Promise<void> {
  await delay(after)
  if (await putIn(fault, index, system, random)) result.faults[fault]++
}

/** Asks until there is a 202, as a caller does who got none. */
async function ask(system: System, target: Target, key: string): Promise<string> {
  const { name } = target.stack
  return until(
    `a 202 for ${name}`,
    async () => {
      const answer = await system.api.client.plain('POST', `/deploy/${name}`, name, undefined, { 'Idempotency-Key': `${key}-${name}` })
      return answer.status === 202 ? (answer.body.job_id as string) : null
    },
    60,
  )
}

/** Waits for a job's end and holds it to what was asked. */
async function settle(asked: Asked, system: System, composeHit: boolean, result: ChaosResult): Promise<string[]> {
  const { target, version, good, jobId } = asked
  result.jobs++
  const job = await until(
    `the end of ${jobId}`,
    async () => {
      const { status, body } = await system.api.client.plain('GET', `/jobs/${jobId}`, jobId)
      return status === 200 && body.ok !== null ? body : null
    },
    120,
  ).catch(() => null)
  if (!job) return [`job ${jobId} of ${target.stack.name} was lost`]
  if (job.state === 'succeeded') {
    result.succeeded++
    target.version = version
    return good ? [] : [`${version} of ${target.stack.name} is bad, and its job succeeded`]
  }
  result.failed++
  // A compose that was killed is a step that failed: the former version has to be back then.
  return good && !composeHit ? [`${version} of ${target.stack.name} is good, and its job ${job.state}: ${JSON.stringify(job)}`] : []
}

/** Checks that a stack serves the version that it should, with one container and nothing left over. */
async function inspect(engine: Engine, { stack, version }: Target): Promise<string[]> {
  const page = await until(`${version} of ${stack.name}`, async () => (await stack.page()) === version, 15).then(
    () => version,
    () => stack.page().catch((error: Error) => error.message),
  )
  const filter = `label=com.docker.compose.project=${stack.name}`
  const listed = await engine.docker('ps', '-a', '--filter', filter, '--format', '{{.Names}} {{.State}}')
  return [
    ...(page === version ? [] : [`${stack.name} serves ${page} instead of ${version}`]),
    ...(listed.trim() === `${stack.name}-web-1 running` ? [] : [`containers of ${stack.name}: ${listed.trim().replaceAll('\n', ', ')}`]),
  ]
}
