import { readFileSync } from 'node:fs'
import { startRedis } from '../lab/redis.ts'
import type { World } from '../lab/world.ts'
import { addIdleStacks, addRunningStacks, deployOnce, knownStacks, rest, withWorld, type Bench } from './bench-world.ts'
import { load } from './load.ts'
import { timed } from './measure.ts'
import { cpuTicks, residentMegabytes } from './process-stats.ts'
import { signedRequests } from './requests.ts'

/** What it costs with so many stacks. */
export interface StackPoint {
  stacks: number
  /** Those that run and are deployed; the others are there and idle. */
  running: number
  deploysPerSecond: number
  /** Megabytes of API and worker in one process, after the deploys. */
  memory: number
  redisMemory: number
  /** Percent of one core. */
  processorAtRest: number
  /** Shares of all cores during the deploys. */
  shares: Record<string, number>
}

/** What so many API processes on one Redis accept. */
export interface ApiPoint {
  processes: number
  requestsPerSecond: number
  /** Milliseconds. */
  p99: number
  shares: Record<string, number>
}

export interface Growth {
  stacks: StackPoint[]
  apis: ApiPoint[]
}

/** More containers than that would measure the engine's memory and not Deployer. */
const MOST_RUNNING = 100
const CONNECTIONS = 32
const SECONDS = 5
const REST = 20

/** How cost grows with stacks, and with API processes. */
export async function measureGrowth(bench: Bench): Promise<Growth> {
  const stacks: StackPoint[] = []
  for (const count of [10, 100, 1000]) {
    bench.say(`  ${count} stacks`)
    stacks.push(await withWorld(bench, (world) => measureStacks(bench, world, count)))
  }
  bench.say('  1 to 4 API processes')
  return { stacks, apis: await withWorld(bench, measureApis) }
}

async function measureStacks(bench: Bench, world: World, count: number): Promise<StackPoint> {
  const running = await addRunningStacks(bench, world, Math.min(count, MOST_RUNNING))
  addIdleStacks(world, count - running.length)
  const redis = await startRedis()
  const service = await world.start('all', { REDIS_URL: redis.url })
  await knownStacks(service.client, count)
  const pid = service.process.pid ?? 0
  await rest(10)
  const atRest = cpuTicks(pid)
  await rest(REST)
  const processorAtRest = (cpuTicks(pid) - atRest) / REST
  const deployAll = () => Promise.all(running.map((stack) => deployOnce(service, stack.name)))
  await deployAll()
  const shares = shareProcessor({ Deployer: [pid], Redis: [redis.pid()] }, 'compose and engine')
  const milliseconds = await timed(deployAll)
  const point = {
    stacks: count,
    running: running.length,
    deploysPerSecond: (1000 * running.length) / milliseconds,
    shares: shares(),
    processorAtRest,
    memory: residentMegabytes(pid),
    redisMemory: residentMegabytes(redis.pid()),
  }
  await redis.close()
  return point
}

async function measureApis(world: World): Promise<ApiPoint[]> {
  const redis = await startRedis()
  const names = addIdleStacks(world, 20)
  const settings = { REDIS_URL: redis.url, LOG_LEVEL: 'error' }
  const worker = await world.start('worker', { ...settings, LOG_LEVEL: 'info' })
  await worker.stop()
  const requests = signedRequests(world, names)
  const points: ApiPoint[] = []
  const ports: number[] = []
  const pids: number[] = []
  for (let processes = 1; processes <= 4; processes++) {
    const api = await world.start('api', settings)
    await knownStacks(api.client, names.length)
    ports.push(Number(new URL(api.client.url).port))
    pids.push(api.process.pid ?? 0)
    const each = CONNECTIONS / processes
    const loadAll = (seconds: number) => Promise.all(ports.map((port) => load(port, requests, Math.round(each), seconds)))
    await loadAll(2)
    const shares = shareProcessor({ API: pids, Redis: [redis.pid()], client: [process.pid] }, 'rest')
    const results = await loadAll(SECONDS)
    points.push({
      processes,
      requestsPerSecond: results.reduce((sum, { perSecond }) => sum + perSecond, 0),
      p99: Math.max(...results.map(({ p99 }) => p99)),
      shares: shares(),
    })
  }
  await redis.close()
  return points
}

/**
 * Begins to count where the processor's time goes.
 *
 * @param processes Their numbers, by a name for them.
 * @param others What else there is to be busy with.
 * @returns Tells the share that each had of all cores since then.
 */
function shareProcessor(processes: Record<string, number[]>, others: string): () => Record<string, number> {
  const ticks = () => Object.fromEntries(Object.entries(processes).map(([name, pids]) => [name, sum(pids.map(cpuTicks))]))
  const before = { own: ticks(), all: machineTicks() }
  return () => {
    const now = { own: ticks(), all: machineTicks() }
    const total = now.all.total - before.all.total
    const shares = Object.fromEntries(Object.entries(now.own).map(([name, count]) => [name, (count - (before.own[name] ?? 0)) / total]))
    const idle = (now.all.idle - before.all.idle) / total
    return { ...shares, [others]: Math.max(0, 1 - idle - sum(Object.values(shares))), idle }
  }
}

/** The processor time of the whole machine, in clock ticks; waiting for the disk is idle. */
function machineTicks(): { total: number; idle: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n')
  const fields = line.split(/\s+/).slice(1, 9).map(Number)
  return { total: sum(fields), idle: (fields[3] ?? 0) + (fields[4] ?? 0) }
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
