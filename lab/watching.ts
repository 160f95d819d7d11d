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
  /** Asks for a deploy of some services, as watching does. @param only Digests by service. @returns The id of the job, or of the one that waits already. */
  deploy(stack: string, only: Record<string, string>): Promise<string>
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
  const add = async (stack: string, action: 'check' | 'deploy', more: object) => {
    const queue = new Queue(queueName(host, stack), connection)
    const { id = '' } = await queue.add(action, { stack, host, action, ...more }, { jobId: randomUUIDv7(), deduplication: { id: action } })
    await queue.close()
    return id
  }
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
    check: (stack) => add(stack, 'check', { caller: 'default' }),
    deploy: (stack, only) => add(stack, 'deploy', { only, source: 'watch', caller: 'watch' }),
    outbox,
    async close() {
      await ticks.close()
      heard.stop()
      redis.disconnect()
    },
  }
}
