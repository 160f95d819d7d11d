import type { Redis } from 'ioredis'
import { KEY_PREFIX } from '@deployer/shared/queue'
import type { Job } from '@deployer/shared/job'
import type { NotifyEvent, OutboxEntry } from '@deployer/shared/outbox'
import { decide, memoryOf, sortable, type StackMemory } from './events.ts'

/** Hash: what {@link memoryOf} gives → {@link StackMemory} as JSON. */
const MEMORY_KEY = `${KEY_PREFIX}:notify:memory`
/** Hash: `host/stack/service` → the digest that was told last, and the entry that told it. */
const TOLD_KEY = `${KEY_PREFIX}:notify:told`

const REPLACE = `
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`

type Updates = Extract<OutboxEntry, { kind: 'updates' }>['updates']

/** Decides what entries count as, with what all API processes remember together. */
export interface Memory {
  /** What an entry about a job is to be told as, the most telling first. */
  eventsOf(entryId: string, job: Job, late: boolean, at: string): Promise<NotifyEvent[]>
  /** Of the updates that a check has found, those whose digest was not told before. */
  newUpdates(entryId: string, host: string, updates: Updates): Promise<Updates>
}

/** @param repeat Milliseconds after which an unchanged failure is told again. */
export function createMemory(redis: Redis, repeat: number): Memory {
  return {
    async eventsOf(entryId, job, late, at) {
      const field = memoryOf(job)
      if (field === null) return decide(null, sortable(entryId), job, late, Date.parse(at), repeat).events
      for (;;) {
        const stored = await redis.hget(MEMORY_KEY, field)
        const before = stored === null ? null : (JSON.parse(stored) as StackMemory)
        const { memory, events } = decide(before, sortable(entryId), job, late, Date.parse(at), repeat)
        if (memory === before) return events
        // Another process may have decided in between.
        if ((await redis.eval(REPLACE, 1, MEMORY_KEY, field, stored ?? '', JSON.stringify(memory))) === 1) return events
      }
    },
    async newUpdates(entryId, host, updates) {
      if (updates.length === 0) return []
      const field = ({ stack, service }: Updates[number]) => `${host}/${stack}/${service}`
      const told = await redis.hmget(TOLD_KEY, ...updates.map(field))
      const fresh = updates.filter(({ available }, index) => {
        const [digest, entry] = (told[index] ?? '').split(' ')
        return digest !== (available ?? '') || entry === entryId
      })
      if (fresh.length > 0) await redis.hset(TOLD_KEY, ...fresh.flatMap((one) => [field(one), `${one.available ?? ''} ${entryId}`]))
      return fresh
    },
  }
}
