import type { Container, Engine } from '../ports.ts'
import { bareDigests, digestOf } from '../pipeline/resolve-images.ts'
import { isRunning } from '../release/compare.ts'
import type { Mode } from './wishes.ts'
import type { WatchedStack } from './read-stack.ts'

/** A service of a stack, what its image is called, and what of it runs. */
export interface Sighting {
  service: string
  image: string
  mode: Exclude<Mode, 'off'>
  /** Digests of the image that runs, that of what the name's registry calls it first; none where no registry knows it. */
  running: string[]
  /** What the image that runs says of itself. */
  labels: Record<string, string>
  /** Built here, with no name that a registry could know. */
  isBuilt: boolean
  /** Looked at since somebody asked, and not told of. */
  unwanted: boolean
}

/**
 * What runs of a stack's services that are watched. Those that are pinned by a digest are not among them, nor those that have no container.
 *
 * @param asked Somebody wants to know: what nobody has said to be watched is looked at too.
 */
export async function lookAtStack(
  engine: Engine,
  { wishes, services }: WatchedStack,
  own: Container[],
  asked: boolean,
  signal: AbortSignal,
): Promise<Sighting[]> {
  if (!own.some(isRunning)) return []
  const found: Sighting[] = []
  for (const [service, { image, isBuilt }] of Object.entries(services)) {
    const wish = wishes.modes[service] ?? 'off'
    const mode = wish === 'off' && asked ? 'notify' : wish
    const mine = own.filter((one) => one.service === service)
    const [container] = mine.filter(isRunning).concat(mine)
    if (mode === 'off' || !container || image.includes('@')) continue
    const { digests, labels } = (await engine.image(container.imageId, signal)) ?? { digests: [], labels: {} }
    const first = digestOf(image, digests)
    const others = bareDigests(digests)
    found.push({
      service,
      image,
      mode,
      isBuilt,
      labels,
      unwanted: wish === 'off',
      running: [...new Set(first === null ? others : [first, ...others])],
    })
  }
  return found
}
