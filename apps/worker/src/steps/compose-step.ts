import type { Compose, StackPaths } from '../ports.ts'
import type { StepContext, StepEnd } from './step.ts'

/** `docker compose pull`. Services that are built here have nothing to pull. */
export const PULL = ['pull', '--ignore-buildable']
export const UP = ['up', '-d', '--remove-orphans']
/** `up` with the images that are here, which a rollback has put under their names again. */
export const UP_WITHOUT_PULL = ['up', '-d', '--remove-orphans', '--pull', 'never']

/** Recreates services whatever compose thinks of them: a stop that an interrupted `up` has asked for may still be on its way to the old container. */
export const recreate = (services: string[]) => ['up', '-d', '--pull', 'never', '--no-deps', '--force-recreate', ...services]

/** A compose that something else killed (the kernel, out of memory; an operator) is started again, so many times in all. */
const MOST_TRIES = 3

/**
 * A step that is one compose command.
 *
 * @param prepare Done before each try.
 */
export async function composeStep(
  compose: Compose,
  paths: StackPaths,
  lockFd: number,
  args: string[],
  context: StepContext,
  prepare: () => Promise<void> = async () => undefined,
): Promise<StepEnd> {
  for (let tries = 1; ; tries++) {
    await prepare()
    const { exitCode } = await compose.run(paths, args, { signal: context.signal, onLine: context.log, lockFd })
    if (exitCode !== null || context.signal.aborted || tries === MOST_TRIES) return { ok: exitCode === 0, exitCode }
    context.log('compose was killed from outside; it is started again')
  }
}
