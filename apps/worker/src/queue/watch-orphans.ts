import { Worker, type WorkerOptions } from 'bullmq'
import type { Redis } from 'ioredis'
import { KEY_PREFIX } from '@deployer/shared/queue'
import { settleWithin } from '@deployer/shared/settle-within'

/** Milliseconds that closing a guard may take. */
const GOODBYE = 1000

/** The jobs of this host that no living worker may be doing. */
export interface OrphanWatch {
  /** Looks now; done by itself every `interval` too. */
  look(): Promise<void>
  stop(): Promise<void>
}

/**
 * Lets BullMQ look for jobs whose worker has died, but only in queues that have an active job which is not done here. Left to
 * itself every queue looks every two seconds, which is most of what a worker with nothing to do would do.
 *
 * @param interval Milliseconds between two looks.
 * @param queues The names of this host's queues now.
 * @param isDoneHere Whether this process has a job in hand.
 */
export function watchOrphans(
  redis: Redis,
  options: WorkerOptions,
  interval: number,
  queues: () => string[],
  isDoneHere: (jobId: string) => boolean,
  onStalled: (queue: string, jobId: string) => void,
): OrphanWatch {
  const guards = new Map<string, Worker>()
  let looking: Promise<void> | undefined

  async function lookOnce(): Promise<void> {
    if (redis.status !== 'ready') return
    const names = queues()
    const pipeline = redis.pipeline()
    for (const name of names) pipeline.lrange(`${KEY_PREFIX}:${name}:active`, 0, -1)
    const answers = (await pipeline.exec()) ?? []
    for (const [index, name] of names.entries()) {
      const active = (answers[index]?.[1] ?? []) as string[]
      const orphaned = active.some((id) => !isDoneHere(id))
      if (orphaned && !guards.has(name)) await guard(name)
      if (!orphaned) await unguard(name)
    }
  }

  /** A worker that takes no job: it only looks for stalled ones, and puts them back into the queue. */
  async function guard(name: string): Promise<void> {
    const worker = new Worker(name, null, { ...options, autorun: false, skipStalledCheck: false })
    worker.on('stalled', (jobId) => onStalled(name, jobId))
    worker.on('error', () => undefined)
    guards.set(name, worker)
    await worker.startStalledCheckTimer()
  }

  async function unguard(name: string): Promise<void> {
    const worker = guards.get(name)
    if (!worker) return
    guards.delete(name)
    await settleWithin(GOODBYE, worker.close(true))
  }

  const look = () =>
    (looking ??= lookOnce()
      .catch(() => undefined)
      .finally(() => (looking = undefined)))
  const timer = setInterval(() => void look(), interval)
  return {
    look,
    async stop() {
      clearInterval(timer)
      await settleWithin(GOODBYE, looking ?? Promise.resolve())
      await Promise.all([...guards.keys()].map(unguard))
    },
  }
}
