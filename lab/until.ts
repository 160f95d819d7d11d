import { setTimeout as delay } from 'node:timers/promises'

/**
 * Waits until something is the case.
 *
 * @param look Gives the thing as soon as it is there, and a falsy value (or rejects) before.
 * @param seconds After this, waiting ends with an error that names what was waited for.
 */
export async function until<T>(what: string, look: () => Promise<T> | T, seconds = 60): Promise<NonNullable<T>> {
  const deadline = Date.now() + seconds * 1000
  let last: unknown
  for (let pause = 5; Date.now() < deadline; pause = Math.min(2 * pause, 200)) {
    try {
      const found = await look()
      if (found) return found
      last = found
    } catch (error) {
      last = error
    }
    await delay(pause)
  }
  throw new Error(`not seen within ${seconds} s: ${what} (last: ${last instanceof Error ? last.message : JSON.stringify(last)})`)
}
