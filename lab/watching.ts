import { Queue } from 'bullmq'
import { randomUUIDv7 } from 'node:crypto'
import { Redis } from 'ioredis'
import type { OutboxEntry } from '@deployer/shared/outbox'
import { KEY_PREFIX, queueName } from '@deployer/shared/queue'
import { StackUpdates, updatesKey, type Update } from '@deployer/shared/updates'
import { hearOutbox } from './hear-outbox.ts'
import { until } from './until.ts'

/** A look at what a host's watching does, and a hand on its clock. */
export interface Watching {
  redis: Redis
  /** Lets the time of the next tick come. */
  tick(): Promise<void>
  /** Lets the moment come at which time alone changes something. */
  wake(): Promise<void>
  /** Ticks, and waits until that is over. @returns What went wrong in it. */
  round(): Promise<string | null>
  /** What is published of a stack. */
  updates(stack: string): Promise<Update[]>
  /** Asks for a check, as the API does. @returns The job's id. */
  check(stack: string): Promise<string>
  /** All that was put into the outbox since. */
  outbox(): Promise<OutboxEntry[]>
  close(): Promise<void>
}

export function createWatching(url: string, host: string): Watching {
  const redis = new Redis(url, { maxRetriesPerRequest: null })
  const connection = { connection: redis, prefix: KEY_PREFIX, skipVersionCheck: true }
  const ticks = new Queue(`@${host}`, connection)
  const heard = hearOutbox(url)
  const outbox = async () => {
    await heard.ready
    return heard.entries
  }
  const ends = async () => (await outbox()).flatMap((entry) => (entry.kind === 'round' && entry.phase === 'end' ? [entry] : []))
  const promote = async (what: 'tick' | 'wake') => {
    const due = await until(`the next ${what}`, async () => (await ticks.getDelayed()).find(({ name }) => name === what))
    await due.promote()
  }
  const tick = () => promote('tick')
  return {
    redis,
    tick,
    wake: () => promote('wake'),
    async round() {
      const before = (await ends()).length
      await tick()
      const over = await until('the end of the round', async () => (await ends())[before])
      return over.problem
    },
    async updates(stack) {
      const json = await redis.hget(updatesKey(host), stack)
      return json === null ? [] : StackUpdates.parse(JSON.parse(json)).updates
    },
    async check(stack) {
      const queue = new Queue(queueName(host, stack), connection)
      const data = { stack, host, action: 'check', caller: 'default' }
      const { id = '' } = await queue.add('check', data, { jobId: randomUUIDv7(), deduplication: { id: 'check' } })
      await queue.close()
      return id
    },
    outbox,
    async close() {
      await ticks.close()
      heard.stop()
      redis.disconnect()
    },
  }
}
