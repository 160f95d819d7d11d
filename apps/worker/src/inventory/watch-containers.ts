import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '@deployer/shared/logger'
import type { Container, Engine } from '../ports.ts'

/** Events come in bursts; the containers are listed once after each, this many milliseconds later. */
const SETTLE = 250
/** An engine that is away is tried again this often, in milliseconds. */
const RETRY = 3000

/**
 * Lists the compose containers that are of interest whenever something happens to one of them.
 *
 * @param isOurs Whether those are that were started from a folder of the host.
 * @returns Ends it.
 */
export function watchContainers(
  engine: Engine,
  logger: Logger,
  isOurs: (workingDir: string) => boolean,
  onList: (containers: Container[]) => void,
): () => Promise<void> {
  const stop = new AbortController()
  const { signal } = stop
  let timer: NodeJS.Timeout | undefined
  let away = false

  async function list(): Promise<void> {
    timer = undefined
    try {
      onList((await engine.listContainers(signal)).filter(({ workingDir }) => isOurs(workingDir)))
    } catch (error) {
      if (!signal.aborted) logger.debug({ event: 'engine_error', err: error }, 'the containers could not be listed')
    }
  }

  async function watch(): Promise<void> {
    while (!signal.aborted) {
      try {
        await engine.watch(null, signal, (event) => {
          // Others come and go by the hundred on a host that builds.
          if (event && !isOurs(event.workingDir)) return
          if (away) logger.info({ event: 'engine_up' }, 'the Docker Engine is back')
          away = false
          timer ??= setTimeout(() => void list(), SETTLE)
        })
      } catch (error) {
        if (!away && !signal.aborted) logger.error({ event: 'engine_down', err: error }, 'the Docker Engine is away')
        away = true
      }
      await delay(RETRY, undefined, { signal }).catch(() => undefined)
    }
  }

  const watching = watch()
  return async () => {
    stop.abort()
    clearTimeout(timer)
    await watching
  }
}
