import type { Redis } from 'ioredis'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Counter as Count } from '@deployer/shared/counters'
import { StackUpdates, UpdateState, updatesKey } from '@deployer/shared/updates'
import type { InventoryCache } from '../inventory-cache.ts'
import type { JobQueue } from '../jobs/job-queue.ts'

/** What `/metrics` tells of watching for new images. */
export interface WatchMetrics {
  /** Begins anew with the counters. */
  reset(): void
  /** @returns Whether it is one of these. */
  count(counter: Count, by: number): boolean
  /** Reads what is known of images, and when they are looked at next. */
  read(): Promise<void>
}

export function createWatchMetrics(registry: Registry, redis: Redis, inventory: InventoryCache, openQueue: JobQueue['open']): WatchMetrics {
  const registers = [registry]
  const questions = new Counter({
    name: 'deployer_registry_questions_total',
    help: 'Questions to registries for the digest of a name, by registry and outcome (answered, failed).',
    labelNames: ['host', 'registry', 'outcome'],
    registers,
  })
  const updates = new Gauge({
    name: 'deployer_updates',
    help: 'Services whose image is not the one that its name has in the registry, or of which that is not known, by stack and state.',
    labelNames: ['stack', 'host', 'state'],
    registers,
  })
  const age = new Gauge({
    name: 'deployer_check_age_seconds',
    help: 'Seconds since the registries were asked about the images of a stack.',
    labelNames: ['stack', 'host'],
    registers,
  })
  const overdue = new Gauge({
    name: 'deployer_check_overdue_seconds',
    help: 'Seconds by which the next round of checks of a host is late; 0 while it is not. Only for hosts that watch by themselves.',
    labelNames: ['host'],
    registers,
  })

  async function readHost(host: string): Promise<void> {
    const [known, schedules] = await Promise.all([redis.hgetall(updatesKey(host)), openQueue(`@${host}`).getJobSchedulers(0, -1, true)])
    const next = schedules.flatMap((schedule) => schedule.next ?? [])
    if (next.length > 0) overdue.set({ host }, Math.max(0, Date.now() - Math.min(...next)) / 1000)
    for (const [stack, json] of Object.entries(known)) {
      const parsed = StackUpdates.safeParse(JSON.parse(json))
      if (!parsed.success) continue
      age.set({ stack, host }, Math.max(0, Date.now() - Date.parse(parsed.data.checked_at)) / 1000)
      for (const state of UpdateState.options) updates.set({ stack, host, state }, 0)
      for (const { state } of parsed.data.updates) updates.inc({ stack, host, state })
    }
  }

  return {
    reset: () => questions.reset(),
    count([name, host = '', server = '', outcome = ''], by) {
      if (name !== 'questions') return false
      questions.inc({ host, registry: server, outcome }, by)
      return true
    },
    async read() {
      for (const metric of [updates, age, overdue]) metric.reset()
      await Promise.all(inventory.hosts().map(({ name }) => readHost(name)))
    },
  }
}
