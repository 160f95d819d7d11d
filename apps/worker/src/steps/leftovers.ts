import type { Container, Engine } from '../ports.ts'
import type { StepContext } from './step.ts'

/**
 * While compose recreates a container, the new one is called `<12 hex>_<name>` until the old one is gone. Where compose was killed in
 * between, that one stays behind as `created`, and a later `up` can fail on it: "Conflict. The container name … is already in use".
 */
export function isLeftover(container: Container): boolean {
  return container.state === 'created' && /^[0-9a-f]{12}_/.test(container.name)
}

/**
 * Removes what an interrupted `up` left behind in a project; it has never run, so it holds nothing.
 *
 * @param containers Those of the project, as they are now.
 */
export async function removeLeftovers(engine: Engine, containers: Container[], context: StepContext): Promise<void> {
  for (const container of containers.filter(isLeftover)) {
    await engine.removeContainer(container.id, context.signal)
    context.log(`removed ${container.name}, which an interrupted deploy left behind`)
  }
}
