import type { Redis } from 'ioredis'
import type { EventEmitter } from 'node:events'
import type { Job } from '@deployer/shared/job'
import { decodeJobNews, JOB_CHANNEL, type JobNews } from '@deployer/shared/job-stream'
import type { JobStore } from './job-store.ts'
import { hasEnded } from './to-job.ts'

/** Jobs that somebody waits for are looked at this often even without news, since news can be missed. Milliseconds. */
const LOOK_AGAIN = 3000

/** What is needed of Node's own answer; an AbortSignal for each of thousands of callers would take twice the memory. */
export type HeldAnswer = Pick<EventEmitter, 'once' | 'off'>

/** Tells many readers about jobs, over one connection to Redis. */
export interface JobHub {
  /** Calls back at all news of a job. @returns Ends it. */
  onNews(jobId: string, listener: (news: JobNews) => void): () => void
  /**
   * Waits for a job's end.
   * @param answer The answer that is being held: when its connection closes, nobody waits any more.
   * @returns The job, ended or not when the time was over or the connection closed; `null` when it has gone.
   */
  waitForEnd(jobId: string, milliseconds: number, answer: HeldAnswer): Promise<Job | null>
  /** Lets all go who wait, and tells all who listen. */
  stop(): void
  /** Whether it has been stopped. */
  stopped(): boolean
}

/** @param subscriber A connection that nothing else is asked over. */
export function createJobHub(subscriber: Redis, store: JobStore): JobHub {
  const listeners = new Map<string, Set<(news: JobNews) => void>>()
  const waiters = new Map<string, Set<(job: Job | null) => void>>()
  const everyone = new Set<() => void>()
  let stopped = false
  const looking = new Map<string, Promise<void>>()

  function onNews(jobId: string, listener: (news: JobNews) => void): () => void {
    const set = listeners.get(jobId) ?? new Set()
    listeners.set(jobId, set.add(listener))
    return () => {
      set.delete(listener)
      if (set.size === 0) listeners.delete(jobId)
    }
  }

  /** Reads a job once for all who wait for it, and lets them go if it has ended. */
  function look(jobId: string): Promise<void> {
    const already = looking.get(jobId)
    if (already) return already
    const look = readFor(jobId).finally(() => looking.delete(jobId))
    looking.set(jobId, look)
    return look
  }

  async function readFor(jobId: string): Promise<void> {
    const found = await store.read(jobId).catch(() => undefined)
    if (found === undefined || (found && !hasEnded(found.job))) return
    const set = waiters.get(jobId)
    waiters.delete(jobId)
    for (const resolve of set ?? []) resolve(found?.job ?? null)
  }

  subscriber.on('message', (channel: string, message: string) => {
    if (channel !== JOB_CHANNEL) return
    const { jobId, news } = decodeJobNews(message)
    for (const listener of listeners.get(jobId) ?? []) listener(news)
    if (news === 'end' && waiters.has(jobId)) {
      // A look that is under way may have read the job before its end.
      const underWay = looking.get(jobId)
      void (underWay ? underWay.then(() => look(jobId)) : look(jobId))
    }
  })
  const lookAtAll = () => {
    for (const jobId of waiters.keys()) void look(jobId)
    for (const set of listeners.values()) for (const listener of set) listener('stream')
  }
  subscriber.on('ready', lookAtAll)
  const timer = setInterval(lookAtAll, LOOK_AGAIN)

  return {
    onNews,
    waitForEnd(jobId, milliseconds, answer) {
      return new Promise((resolve, reject) => {
        const set = waiters.get(jobId) ?? new Set()
        waiters.set(jobId, set)
        const leave = () => {
          clearTimeout(timer)
          answer.off('close', giveUp)
          everyone.delete(giveUp)
          set.delete(letGo)
          if (set.size === 0 && waiters.get(jobId) === set) waiters.delete(jobId)
        }
        const letGo = (job: Job | null) => {
          leave()
          resolve(job)
        }
        const giveUp = () => {
          leave()
          store.read(jobId).then((found) => resolve(found?.job ?? null), reject)
        }
        const timer = setTimeout(giveUp, milliseconds)
        set.add(letGo)
        everyone.add(giveUp)
        answer.once('close', giveUp)
        if (stopped) giveUp()
        // Subscribed first, read then: nothing falls between the two.
        else void look(jobId)
      })
    },
    stop() {
      stopped = true
      for (const giveUp of everyone) giveUp()
      for (const set of listeners.values()) for (const listener of set) listener('stream')
      clearInterval(timer)
    },
    stopped: () => stopped,
  }
}
