import type { Container, Engine } from '../ports.ts'
import { isBroken } from '../release/compare.ts'

/**
 * The containers that do not do what they were made for, those included that restart over and over and run at this moment: such a one was
 * restarted by the engine within the last minute.
 */
export async function findBroken(engine: Engine, containers: Container[], signal: AbortSignal): Promise<Container[]> {
  const broken = await Promise.all(
    containers.map(async (container) => {
      if (isBroken(container)) return true
      if (container.state !== 'running' || !container.young) return false
      return ((await engine.inspect(container.id, signal))?.restartCount ?? 0) > 0
    }),
  )
  return containers.filter((_, index) => broken[index])
}
