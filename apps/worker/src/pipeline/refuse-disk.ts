import { statfsSync } from 'node:fs'
import type { Tools } from '../converge/tools.ts'
import { Refusal } from '../refusal.ts'

/**
 * Refuses to pull onto a disk that is nearly full: a database beside it would stop first.
 *
 * @param inContainer In a container the root folder lies on the disk of the engine's images.
 * @throws {Refusal} `disk_full`.
 */
export async function refuseFullDisk({ engine, limits }: Tools, inContainer: boolean, signal: AbortSignal): Promise<void> {
  if (limits.minFreeDisk === 0) return
  const folder = inContainer ? '/' : await engine.dataRoot(signal)
  let free: number
  try {
    const { bavail, bsize } = statfsSync(folder)
    free = bavail * bsize
  } catch {
    // The engine is on another machine.
    return
  }
  if (free >= limits.minFreeDisk) return
  throw new Refusal(
    'disk_full',
    `Only ${Math.floor(free / 1e6)} MB are free where the Docker Engine keeps its images, less than MIN_FREE_DISK (${Math.floor(limits.minFreeDisk / 1e6)} MB). ` +
      'Nothing was pulled. Make room, for example with `docker image prune`, which leaves the images of kept releases.',
  )
}
