import { Queue, WaitingError, Worker, type Job, type WorkerOptions } from 'bullmq'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Every } from '@deployer/shared/every'
import type { Logger } from '@deployer/shared/logger'
import { KEY_PREFIX, tickQueue } from '@deployer/shared/queue'
import { QUEUE_OPTIONS } from '@deployer/shared/retention'
import { settleWithin } from '@deployer/shared/settle-within'
import { watchOrphans, type OrphanWatch } from '../queue/watch-orphans.ts'

/** Milliseconds, as for the queues of stacks. */
const TIMES = { lockDuration: 6000, stalledInterval: 2000 }
const MOST_STALLS = 20
/** Milliseconds between two looks at whether a worker has died with a tick: nobody waits for one. */
const ORPHANS = 10_000
/** Milliseconds that a stop waits for Redis. */
const GOODBYE = 2000
const Wake = z.object({ stacks: z.array(z.string()) })
const LEAVE_NOTHING = { removeOnComplete: true, removeOnFail: true, attempts: 1 }

/** Runs what is due on a host, by one of its workers at a time. */
export interface Ticks {
  /**
   * Makes known when to tick, by the names that ticks have. What has not changed is not touched: an overdue tick would be thrown away with it.
   *
   * @param watched Whether anything is watched, be it only when asked.
   */
  sync(schedules: Map<string, Every>, watched: boolean): Promise<void>
  /** Wakes once, at a moment in milliseconds since 1970. */
  wakeAt(at: number, now: number): Promise<void>
  stop(): Promise<void>
}

/** What a schedule is called: two that are called the same are the same. `null`: it never ticks. */
export function scheduleName(every: Every, zone: string): string | null {
  if (every.kind === 'asked') return null
  // A colon would end BullMQ's name for it.
  return every.kind === 'interval' ? `every ${every.milliseconds}` : `cron ${every.line} ${zone}`.replaceAll(':', ';')
}

/**
 * @param zone The zone of cron lines.
 * @param work What a tick does; it is given back to the queue where it throws the reason of `stopping`.
 */
export function createTicks(
  { redis, host, zone, logger, stopping }: { redis: Redis; host: string; zone: string; logger: Logger; stopping: AbortSignal },
  work: { round: (schedule: string) => Promise<void>; wake: (stacks: string[]) => Promise<void> },
): Ticks {
  const name = tickQueue(host)
  const queue = new Queue(name, { connection: redis, ...QUEUE_OPTIONS })
  queue.on('error', () => undefined)
  const held = new Set<string>()
  let started: { worker: Worker; orphans: OrphanWatch } | undefined

  async function run(job: Job, token?: string): Promise<void> {
    const id = job.id ?? ''
    held.add(id)
    try {
      if (job.name === 'wake') await work.wake(Wake.safeParse(job.data).data?.stacks ?? [])
      else await work.round((job.data as { schedule: string }).schedule)
    } catch (error) {
      if (!stopping.aborted) {
        logger.error({ event: 'watch_failed', err: error }, 'looking for new images went wrong')
        return
      }
      await job.moveToWait(token).catch(() => undefined)
      throw new WaitingError()
    } finally {
      held.delete(id)
    }
  }

  async function begin(): Promise<void> {
    if (started || stopping.aborted) return
    const options: WorkerOptions = {
      connection: redis,
      prefix: KEY_PREFIX,
      ...TIMES,
      skipVersionCheck: true,
      skipStalledCheck: true,
      maxStalledCount: MOST_STALLS,
      drainDelay: 30,
    }
    const worker = new Worker(name, run, options)
    worker.on('error', (error) => logger.debug({ event: 'queue_error', queue: name, err: error }, 'queue error'))
    const onStalled = () => logger.warn({ event: 'tick_stalled' }, 'a worker died while it looked for new images; it is done again')
    const orphans = watchOrphans(
      redis,
      options,
      ORPHANS,
      () => [name],
      (id) => held.has(id),
      onStalled,
    )
    started = { worker, orphans }
    await queue.setGlobalConcurrency(1)
  }

  return {
    async sync(schedules, watched) {
      const known = new Set((await queue.getJobSchedulers(0, -1)).map(({ key }) => key))
      for (const key of known) if (!schedules.has(key)) await queue.removeJobScheduler(key)
      for (const [key, every] of schedules) {
        if (known.has(key) || every.kind === 'asked') continue
        const when = every.kind === 'interval' ? { every: every.milliseconds } : { pattern: every.line, tz: zone }
        await queue.upsertJobScheduler(key, when, { name: 'tick', data: { schedule: key }, opts: LEAVE_NOTHING })
      }
      if (watched) await begin()
    },
    async wakeAt(at, now) {
      const second = Math.ceil(at / 1000)
      const id = `wake-${second}`
      // Where the clock was put back, the one that runs has come too early: its id is taken.
      const jobId = held.has(id) ? `${id}-again` : id
      await queue.add('wake', {}, { ...LEAVE_NOTHING, jobId, delay: Math.max(0, second * 1000 - now) })
      await begin()
    },
    async stop() {
      await settleWithin(GOODBYE, Promise.all([started?.worker.close(), started?.orphans.stop(), queue.close()]))
    },
  }
}
