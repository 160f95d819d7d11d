import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@deployer/shared/logger'
import type { Engine } from '../ports.ts'
import { locateStack, type StacksRoot } from '../stacks/locate-stack.ts'
import { isOwn } from '../stacks/own-containers.ts'
import { lookAtStack, type Sighting } from './look-at-stack.ts'
import type { ReadStacks, WatchedStack } from './read-stack.ts'
import { isWatched } from './wishes.ts'

/** A stack, and what runs of it that is watched. */
export interface StackLook extends WatchedStack {
  stack: string
  /** Its folder, as this process sees it. */
  dir: string
  sightings: Sighting[]
}

/**
 * Looks at stacks, without a lock and without a question to any registry. One that cannot be read, or is no more, is left out.
 *
 * @param asked Somebody wants to know: what nobody has said to be watched is looked at too.
 * @param onProblem Told why one was left out.
 */
export async function lookAtStacks(
  { engine, root, stacks, logger }: { engine: Engine; root: StacksRoot; stacks: ReadStacks; logger: Logger },
  names: string[],
  asked: boolean,
  signal: AbortSignal,
  onProblem: (message: string) => void = () => undefined,
): Promise<StackLook[]> {
  const all = await engine.listContainers(signal)
  const looks: StackLook[] = []
  for (const stack of names) {
    if (!existsSync(join(root.here, stack))) continue
    try {
      const paths = locateStack(root, stack)
      const own = all.filter((one) => isOwn(one, paths))
      const read = await stacks.read(paths, own, asked)
      if (read.wishes.problem !== null)
        logger.warn({ event: 'watch_malformed', stack, problem: read.wishes.problem }, 'nothing of this stack is watched')
      looks.push({ ...read, stack, dir: paths.dir, sightings: await lookAtStack(engine, read, own, asked, signal) })
    } catch (error) {
      signal.throwIfAborted()
      onProblem(error instanceof Error ? error.message : String(error))
      logger.warn({ event: 'watch_unread', stack, err: error }, 'what this stack wants to be watched could not be read')
    }
  }
  return looks
}

/** A look at some services. */
export function narrow(look: StackLook, services: string[] | undefined): StackLook {
  return services ? { ...look, sightings: look.sightings.filter(({ service }) => services.includes(service)) } : look
}

/** Of a stack that is watched only what it wants; where nothing is, what a check on request has found stays known. */
export function withoutUnwanted(look: StackLook): StackLook {
  return isWatched(look.wishes) ? { ...look, sightings: look.sightings.filter(({ unwanted }) => !unwanted) } : look
}
