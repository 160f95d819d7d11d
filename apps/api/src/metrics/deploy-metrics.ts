import type { Redis } from 'ioredis'
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import { COUNTERS_KEY, countersOf, parseCounter, type Counter as Count } from '@deployer/shared/counters'
import { OutcomeCode } from '@deployer/shared/job'
import { version } from '@deployer/shared/version'
import type { InventoryCache } from '../inventory-cache.ts'
import type { JobQueue } from '../jobs/job-queue.ts'
import type { JobStore } from '../jobs/job-store.ts'
import { PROBLEMS } from '../problem.ts'
import type { RefusalCounter } from './refusal-counter.ts'
import { formatStepDurations } from './step-durations.ts'
import { createWatchMetrics } from './watch-metrics.ts'

/** The metrics as Prometheus reads them. */
export interface DeployMetrics {
  contentType: string
  /** Text that is current at this moment; without what only Redis knows while Redis is away. */
  read(): Promise<string>
}

/** The codes of answers that are no job's outcome. */
const REFUSALS = Object.keys(PROBLEMS).filter((code) => !OutcomeCode.safeParse(code).success)

/** @param refusals What this process has turned away. */
export function createDeployMetrics(
  redis: Redis,
  inventory: InventoryCache,
  store: JobStore,
  openQueue: JobQueue['open'],
  refusals: RefusalCounter,
): DeployMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  // Gauges that are called like counters: promtool's check refuses them.
  for (const kind of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${kind}_total`)
  const stackLabels = ['stack', 'host'] as const
  const deploys = new Counter({
    name: 'deployer_deploys_total',
    help: 'Jobs that have ended, from 0 on for each stack that is known, by stack, action and outcome (succeeded, failed, rolled_back, rollback_failed, canceled, or the code of a refusal).',
    labelNames: [...stackLabels, 'action', 'outcome'],
    registers,
  })
  const rollbacks = new Counter({
    name: 'deployer_rollbacks_total',
    help: 'Rollbacks, by stack and whether they brought the former version back.',
    labelNames: [...stackLabels, 'ok'],
    registers,
  })
  const refused = new Counter({
    name: 'deployer_requests_refused_total',
    help: 'Requests that this API process has turned away, by code: rate_limited, signature_missing, signature_invalid, …',
    labelNames: ['code'],
    registers,
  })
  const jobs = new Gauge({
    name: 'deployer_queue_jobs',
    help: 'Jobs that wait or run, by stack.',
    labelNames: [...stackLabels, 'state'],
    registers,
  })
  const oldest = new Gauge({
    name: 'deployer_queue_oldest_seconds',
    help: 'Age of the oldest job that waits or runs, in seconds; 0 when there is none.',
    labelNames: stackLabels,
    registers,
  })
  const heartbeat = new Gauge({
    name: 'deployer_worker_heartbeat_age_seconds',
    help: 'Seconds since a host’s worker was last heard of.',
    labelNames: ['host'],
    registers,
  })
  const online = new Gauge({ name: 'deployer_worker_online', help: '1 while a host has a living worker.', labelNames: ['host'], registers })
  const stacks = new Gauge({ name: 'deployer_stacks', help: 'Stacks, by host.', labelNames: ['host'], registers })
  const redisUp = new Gauge({ name: 'deployer_redis_up', help: '1 while Redis answers.', registers })
  const redisMemory = new Gauge({ name: 'deployer_redis_used_memory_bytes', help: 'Memory that Redis uses.', registers })
  const redisWrites = new Gauge({ name: 'deployer_redis_persistence_ok', help: '1 while Redis can write its append-only file.', registers })
  const info = new Gauge({ name: 'deployer_info', help: 'The version that runs.', labelNames: ['version'], registers })
  info.set({ version }, 1)
  const watching = createWatchMetrics(registry, redis, inventory, openQueue)

  /** The counters of step durations as they are in Redis: a histogram of prom-client's own cannot be set. */
  const stepCounts = new Map<string, number>()

  async function readCounters(): Promise<void> {
    const fields = Object.entries(await redis.hgetall(COUNTERS_KEY))
    for (const metric of [deploys, rollbacks, watching]) metric.reset()
    stepCounts.clear()
    for (const { name, host } of inventory.stacks()) for (const counter of countersOf(name, host)) count(counter, 0)
    for (const [field, text] of fields) {
      const counter = parseCounter(field)
      if (counter && !count(counter, Number(text))) stepCounts.set(field, Number(text))
    }
  }

  /** @returns Whether it is none of a step's duration. */
  function count(counter: Count, by: number): boolean {
    if (counter[0] === 'deploys') deploys.inc({ stack: counter[1], host: counter[2], action: counter[3], outcome: counter[4] }, by)
    else if (counter[0] === 'rollbacks') rollbacks.inc({ stack: counter[1], host: counter[2], ok: counter[3] }, by)
    else return watching.count(counter, by)
    return true
  }

  async function readQueues(): Promise<void> {
    jobs.reset()
    oldest.reset()
    for (const { stack, host, waiting, active, oldestAt } of await store.depths()) {
      jobs.set({ stack, host, state: 'waiting' }, waiting)
      jobs.set({ stack, host, state: 'active' }, active)
      oldest.set({ stack, host }, oldestAt === null ? 0 : Math.max(0, Date.now() - oldestAt) / 1000)
    }
  }

  async function readRedis(): Promise<void> {
    const text = await redis.info()
    redisUp.set(1)
    redisMemory.set(Number(/^used_memory:(\d+)/m.exec(text)?.[1] ?? 0))
    redisWrites.set(/^aof_last_write_status:ok/m.test(text) ? 1 : 0)
  }

  return {
    contentType: registry.contentType,
    async read() {
      refused.reset()
      for (const code of REFUSALS) refused.inc({ code }, 0)
      for (const [code, times] of refusals.all()) refused.inc({ code }, times)
      for (const metric of [heartbeat, online, stacks]) metric.reset()
      for (const host of inventory.hosts()) {
        if (Number.isFinite(host.heartbeatAge)) heartbeat.set({ host: host.name }, host.heartbeatAge / 1000)
        online.set({ host: host.name }, host.online ? 1 : 0)
        stacks.set({ host: host.name }, host.stacks.length)
      }
      redisUp.set(0)
      if (redis.status === 'ready')
        await Promise.all([readCounters(), readQueues(), readRedis(), watching.read()]).catch(() => redisUp.set(0))
      return `${await registry.metrics()}\n${formatStepDurations(stepCounts)}`
    },
  }
}
