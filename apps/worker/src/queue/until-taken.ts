import { unlessRefused } from '@deployer/shared/check-redis'
import type { Logger } from '@deployer/shared/logger'
import type { Clock } from '../ports.ts'

/** Milliseconds until a Redis that takes no writes is asked again. */
const REFUSED = 1000

/** Asks again for what Redis refuses as long as it takes no writes. @throws Every other error, and the signal's reason. */
export async function untilTaken<T>(what: () => Promise<T>, logger: Logger, clock: Clock, signal: AbortSignal): Promise<T> {
  for (let told = false; ; told = true) {
    const taken = await what().then(
      (answer) => ({ answer }),
      (error: unknown) => unlessRefused(error),
    )
    if (taken) return taken.answer
    if (!told) logger.warn({ event: 'redis_refuses' }, 'Redis takes no writes; it is asked again until it does')
    await clock.wait(REFUSED, signal)
  }
}
