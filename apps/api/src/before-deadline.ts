import type { Context } from 'hono'
import type { AppEnv } from './app-env.ts'
import { Problem, queueUnavailable } from './problem.ts'

/** A request that needs Redis is answered within this time when Redis is away. Milliseconds. */
export const REDIS_BUDGET = 1700

/**
 * Waits for something that needs Redis, but not past the request's deadline.
 *
 * @throws {Problem} `queue_unavailable` when it fails or takes too long.
 */
export async function beforeDeadline<T>(c: Context<AppEnv>, work: Promise<T>): Promise<T> {
  try {
    return await within(Math.max(c.get('deadline') - Date.now(), 1), work)
  } catch (error) {
    throw error instanceof Problem ? error : queueUnavailable(error)
  }
}

/** Waits for Redis so many milliseconds, and rejects after that. */
export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer from Redis in time')), milliseconds)
  })
  return Promise.race([work, over]).finally(() => clearTimeout(timer))
}
