import { realpathSync } from 'node:fs'
import { join, sep } from 'node:path'
import type { StackPaths } from '../ports.ts'
import { Refusal } from '../refusal.ts'

/** Where the stacks are, for this process and for the host. */
export interface StacksRoot {
  /** STACKS_ROOT as this process sees it. */
  here: string
  /** The same folder as the host calls it. */
  onHost: string
  /** Set when compose cannot be made to run under the host's path: what to mend. */
  problem: string | null
}

/**
 * Finds a stack's folder.
 *
 * @throws {Refusal} `stack_outside_root` for a link that leads out of the root, `path_mismatch` where the host's path cannot be used.
 */
export function locateStack(root: StacksRoot, name: string): StackPaths {
  const dir = join(root.here, name)
  const real = realpathSync(dir)
  const realRoot = realpathSync(root.here)
  if (!real.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep)) {
    throw new Refusal(
      'stack_outside_root',
      `${dir} is a link to ${real}, which is outside of ${root.here}. Move the folder itself into ${root.here}, or let STACKS_ROOT be the folder that it is in.`,
    )
  }
  if (root.problem !== null) throw new Refusal('path_mismatch', root.problem)
  return { name, dir, workingDir: join(root.onHost, name) }
}
