import type { Logger } from '@deployer/shared/logger'
import type { Clock } from '../ports.ts'
import type { HostIdentity } from './claim-host.ts'

/** Milliseconds between two questions to an engine that is away. */
const PAUSE = 2000

/**
 * Asks an engine that was away when the worker started for its id until it answers. Then the host's name is claimed as at a start, and the inventory,
 * which tells this identity, has the id with its next look.
 *
 * @param ask `null`: no answer.
 * @param claim Throws where the name is another engine's: then the identity stays as it is, and the log says so.
 */
export async function learnEngine(
  identity: HostIdentity,
  ask: () => Promise<string | null>,
  claim: (identity: HostIdentity) => Promise<void>,
  logger: Logger,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.wait(PAUSE, signal).catch(() => undefined)
    const engine = signal.aborted ? null : await ask()
    if (engine === null) continue
    try {
      await claim({ ...identity, engine })
      identity.engine = engine
    } catch (error) {
      if (!signal.aborted)
        logger.error({ event: 'host_not_claimed', err: error }, 'the engine has answered, but the name of this host is taken')
    }
    return
  }
}
