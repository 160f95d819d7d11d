import { mkdirSync, realpathSync, symlinkSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Engine, Mount } from '../ports.ts'
import type { StacksRoot } from './locate-stack.ts'

/**
 * Finds out how the host calls the stacks' folder, and makes the same path lead to it here, so that compose runs under the
 * host's path: run under another one, it would recreate containers with their relative binds in the wrong place.
 *
 * @param here STACKS_ROOT.
 * @param configured HOST_STACKS_ROOT, which is believed where it is set.
 * @param container The container that this process runs in, if it runs in one.
 */
export async function findHostRoot(
  here: string,
  configured: string | undefined,
  container: string | null,
  engine: Engine,
): Promise<StacksRoot> {
  if (configured === undefined && container === null) return { here, onHost: here, problem: null }
  let onHost = configured
  if (onHost === undefined && container !== null) {
    onHost = hostPath(here, (await engine.spec(container, AbortSignal.timeout(10_000))).mounts)
    if (onHost === undefined) {
      const problem = `STACKS_ROOT (${here}) is inside of the worker's container and on no mount of the host. Mount the stacks' folder at the same path: -v /opt/stacks:/opt/stacks`
      return { here, onHost: here, problem }
    }
  }
  const path = onHost ?? here
  return { here, onHost: path, problem: path === here ? null : linkHostPath(here, path) }
}

/** The host's path of a folder, by the innermost mount that it is on. */
export function hostPath(folder: string, mounts: Mount[]): string | undefined {
  const covering = mounts
    .filter(({ destination }) => !/^\.\.(?:\/|$)/.test(relative(destination, folder)))
    .sort((a, b) => b.destination.length - a.destination.length)[0]
  return covering && join(covering.source, relative(covering.destination, folder))
}

/** Makes the host's path lead to the folder. @returns What to mend where that cannot be done. */
function linkHostPath(here: string, onHost: string): string | null {
  try {
    if (realpathSync(onHost) === realpathSync(here)) return null
  } catch {
    try {
      mkdirSync(dirname(onHost), { recursive: true })
      symlinkSync(here, onHost)
      return null
    } catch {
      // A read-only root file system: told below.
    }
  }
  return `The stacks' folder is ${onHost} on the host but ${here} in the worker's container, and ${onHost} cannot be made to lead to it here. Mount it at the same path, -v ${onHost}:${onHost}, and set STACKS_ROOT=${onHost}.`
}
