import type { Context } from 'hono'
import type { AppEnv } from './app-env.ts'
import { Problem, queueUnavailable } from './problem.ts'

/** A request that needs Redis is answered within this time when Redis is away. Milliseconds. */
export const REDIS_BUDGET = 1700

/** What was sent to a Redis that hangs is done when it wakes. */
const UNKNOWN =
  'Redis did not answer in time, and it is not known whether it will do what was asked. Try again with the same Idempotency-Key: it joins what has been accepted.'

/**
 * Waits for something that needs Redis, but not past the request's deadline.
 *
 * @throws {Problem} `queue_unavailable` when it fails or takes too long.
 */
export async function beforeDeadline<T>(c: Context<AppEnv>, work: Promise<T>): Promise<T> {
  try {
    return await within(Math.max(c.get('deadline') - Date.now(), 1), work)
  } catch (error) {
    throw error instanceof Problem ? error : queueUnavailable(error, c.req.method === 'GET' ? undefined : UNKNOWN)
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
