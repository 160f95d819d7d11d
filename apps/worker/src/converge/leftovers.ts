import type { Container, Engine } from '../ports.ts'
import type { StepContext } from '../steps/step.ts'

/** While compose replaces a container, the new one is called `<12 hex of the old one's id>_<name>` until the old one is gone. */
const UNFINISHED = /^[0-9a-f]{12}_(.+)$/

/**
 * Clears away what a compose that was killed in the middle of replacing a container has left. A new one whose predecessor is still there has
 * never run: it goes, since a later `up` can fail on its name. One whose predecessor is gone stays, since it alone holds that one's
 * anonymous volumes; it gets its name.
 *
 * @returns The containers as they are then.
 */
export async function clearLeftovers(engine: Engine, containers: Container[], context: StepContext): Promise<Container[]> {
  const left: Container[] = []
  for (const container of containers) {
    const name = UNFINISHED.exec(container.name)?.[1]
    if (name === undefined) {
      left.push(container)
      continue
    }
    const others = containers.filter((other) => other !== container)
    if (container.state === 'created' && others.some((other) => isPredecessor(other, container))) {
      await engine.removeContainer(container.id, context.signal)
      context.log(`removed ${container.name}, which an interrupted deploy left behind`)
      continue
    }
    // The name may be that of another project's container, which is why compose did not come to it.
    if (others.every((other) => other.name !== name) && (await engine.renameContainer(container.id, name, context.signal))) {
      context.log(`${container.name} is called ${name} now: an interrupted deploy had not come to it`)
      left.push({ ...container, name })
    } else left.push(container)
  }
  return left
}

/**
 * Which container a new one is to replace stands in its temporary name. The label `com.docker.compose.replace` has its id too, but only in
 * Compose before 2.40, which writes the service's name and number there.
 */
function isPredecessor(other: Container, container: Container): boolean {
  return other.id.startsWith(container.name.slice(0, 12)) || other.id === container.replaces
}
