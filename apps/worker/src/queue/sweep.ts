import { Queue } from 'bullmq'
import { INVENTORY_KEY } from '@deployer/shared/inventory'
import { parseQueueName, QUEUES_KEY } from '@deployer/shared/queue'
import { forgetRecords, QUEUE_OPTIONS } from '@deployer/shared/retention'
import type { JobTools } from './run-job.ts'

/** Milliseconds between two looks. */
const INTERVAL = 3_600_000

/**
 * Lets go of jobs whose time is over, those of stacks that are gone among them: BullMQ does so only when another job of the same queue ends.
 *
 * @returns Stops it.
 */
export function startSweep({ redis, host, retention, logger }: Pick<JobTools, 'redis' | 'host' | 'retention' | 'logger'>): () => void {
  async function sweep(): Promise<void> {
    for (const name of await redis.smembers(QUEUES_KEY)) {
      const of = parseQueueName(name)?.host
      // Those of a name that is nobody's any more are let go by whoever comes by.
      if (of === undefined || (of !== host && (await redis.hexists(INVENTORY_KEY, of)) === 1)) continue
      const queue = new Queue(name, { connection: redis, ...QUEUE_OPTIONS })
      try {
        for (const type of ['completed', 'failed'] as const) await queue.clean(retention * 1000, 0, type)
      } finally {
        await queue.close()
      }
      await forgetRecords(redis, name)
    }
  }

  let sweeping: Promise<void> | undefined
  const look = () => {
    if (redis.status !== 'ready') return
    sweeping ??= sweep()
      .catch((error: unknown) => logger.debug({ event: 'sweep_failed', err: error }, 'jobs whose time is over could not be let go'))
      .finally(() => (sweeping = undefined))
  }
  look()
  const timer = setInterval(look, INTERVAL)
  return () => clearInterval(timer)
}
