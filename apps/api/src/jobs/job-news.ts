import type { Redis } from 'ioredis'
import type { Job } from '@deployer/shared/job'
import { decodeJobNews, JOB_CHANNEL } from '@deployer/shared/job-stream'
import type { Place } from '../gates/held-answers.ts'
import type { FoundJob, JobStore } from './job-store.ts'
import { hasEnded } from './to-job.ts'

/** Jobs that somebody waits for are looked at this often even without news, since news can be missed. Milliseconds. */
const LOOK_AGAIN = 3000

/** Tells many readers about jobs, over one connection to Redis and with one look at each job. */
export interface JobHub {
  /** Calls back at all news of a job, and now and then without. @returns Ends it. */
  onNews(jobId: string, listener: () => void): () => void
  /** Reads a job once for all who ask at the same time. What it gives is no older than the news before the call. */
  look(jobId: string): Promise<FoundJob | null>
  /**
   * Waits for a job's end, or until the time is over or the place of the answer is lost.
   *
   * @returns The job as it is then; `null` when it has gone.
   */
  waitForEnd(jobId: string, milliseconds: number, place: Place): Promise<Job | null>
  stop(): void
}

/** @param subscriber A connection that nothing else is asked over. */
export function createJobHub(subscriber: Redis, store: JobStore): JobHub {
  const listeners = new Map<string, Set<() => void>>()
  const waiters = new Map<string, Set<(job: Job | null) => void>>()
  const looking = new Map<string, Promise<FoundJob | null>>()

  function onNews(jobId: string, listener: () => void): () => void {
    const set = listeners.get(jobId) ?? new Set()
    listeners.set(jobId, set.add(listener))
    return () => {
      set.delete(listener)
      if (set.size === 0 && listeners.get(jobId) === set) listeners.delete(jobId)
    }
  }

  function look(jobId: string): Promise<FoundJob | null> {
    const underWay = looking.get(jobId)
    if (underWay) return underWay
    const look = store
      .read(jobId)
      .then((found) => {
        if (!found || hasEnded(found.job)) letGo(jobId, found?.job ?? null)
        return found
      })
      .finally(() => {
        if (looking.get(jobId) === look) looking.delete(jobId)
      })
    looking.set(jobId, look)
    return look
  }

  function letGo(jobId: string, job: Job | null): void {
    const set = waiters.get(jobId)
    waiters.delete(jobId)
    for (const resolve of set ?? []) resolve(job)
  }

  /** Looks for those who wait. One that fails is followed by another: at the next news, or in a while. */
  const lookForWaiters = (jobId: string) => void look(jobId).catch(() => undefined)

  subscriber.on('message', (channel: string, message: string) => {
    if (channel !== JOB_CHANNEL) return
    const { jobId, news } = decodeJobNews(message)
    // A look that is under way may have read the job before this.
    looking.delete(jobId)
    for (const listener of listeners.get(jobId) ?? []) listener()
    if (news === 'end' && waiters.has(jobId)) lookForWaiters(jobId)
  })
  const lookAtAll = () => {
    for (const jobId of waiters.keys()) lookForWaiters(jobId)
    for (const set of listeners.values()) for (const listener of set) listener()
  }
  subscriber.on('ready', lookAtAll)
  const timer = setInterval(lookAtAll, LOOK_AGAIN)

  return {
    onNews,
    look,
    waitForEnd(jobId, milliseconds, place) {
      return new Promise((resolve, reject) => {
        const set = waiters.get(jobId) ?? new Set()
        waiters.set(jobId, set)
        const leave = () => {
          clearTimeout(timer)
          place.onLoss = () => undefined
          set.delete(end)
          if (set.size === 0 && waiters.get(jobId) === set) waiters.delete(jobId)
        }
        const end = (job: Job | null) => {
          leave()
          resolve(job)
        }
        const giveUp = () => {
          leave()
          look(jobId).then((found) => resolve(found?.job ?? null), reject)
        }
        const timer = setTimeout(giveUp, milliseconds)
        set.add(end)
        place.onLoss = giveUp
        if (place.lost) giveUp()
        // Subscribed first, read then: nothing falls between the two.
        else lookForWaiters(jobId)
      })
    },
    stop: () => clearInterval(timer),
  }
}
