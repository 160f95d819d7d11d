import type { Compose, StackPaths } from '../ports.ts'
import type { StepContext, StepEnd } from './step.ts'

/** `docker compose pull`. Services that are built here have nothing to pull. */
export const PULL = ['pull', '--ignore-buildable']
export const UP = ['up', '-d', '--remove-orphans']
/** `up` with the images that are here, which a rollback has put under their names again. */
export const UP_WITHOUT_PULL = ['up', '-d', '--remove-orphans', '--pull', 'never']

/** A step that is one compose command. */
export async function composeStep(
  compose: Compose,
  paths: StackPaths,
  lockFd: number,
  args: string[],
  context: StepContext,
): Promise<StepEnd> {
  const { exitCode } = await compose.run(paths, args, { signal: context.signal, onLine: context.log, lockFd })
  return { ok: exitCode === 0, exitCode }
}
