import { mkdirSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { SettingsError } from '@deployer/shared/settings'
import type { StackPaths } from '../ports.ts'
import { endOrphans } from './end-orphans.ts'
import { tryLock } from './try-lock.ts'

/** The right to run compose in a stack's folder. */
export interface StackLock {
  /** The lock's open file: whoever inherits it holds the lock too. */
  fd: number
  /** Gives it back; may be called twice. */
  release(): Promise<void>
}

/**
 * Takes a stack's lock.
 *
 * @throws The signal's reason, when it is aborted.
 */
export type LockStack = (stack: Pick<StackPaths, 'name' | 'dir'>, signal: AbortSignal) => Promise<StackLock>

/**
 * Makes the function that takes kernel locks (flock) for stacks. Locks in Redis expire while the processes that they stand for
 * live on; these are held by the processes themselves, and end with the last of them. There are two for each stack:
 *
 * - one on a file in DATA_DIR, which the workers of a host share and nobody else can open. Compose inherits it. What a dead
 *   worker left under it is ended; for a living worker's processes it waits.
 * - one on the stack's folder, held by the worker: an operator can keep deploys out with flock(1), and a worker that knows no
 *   other lock stays out too. It is nobody's of ours once the first is taken, so its holder is never ended.
 *
 * @param dataDir DATA_DIR.
 * @param searchPath The PATH in which `flock` of util-linux is found.
 * @throws {SettingsError} when DATA_DIR cannot be written.
 */
export function createLockStack(dataDir: string, searchPath: string): LockStack {
  const folder = join(dataDir, 'locks')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new SettingsError(
      `DATA_DIR is "${dataDir}", which cannot be written (${(error as NodeJS.ErrnoException).code}), but must be a folder of the worker's own that is kept.`,
    )
  }
  return async ({ name, dir }, signal) => {
    const opened: FileHandle[] = []
    let released: Promise<unknown> | undefined
    const release = async () => void (await (released ??= Promise.all(opened.map((handle) => handle.close()))))
    const openNext = async (path: string, flags: string) => {
      const handle = await open(path, flags, 0o600)
      opened.push(handle)
      return handle.fd
    }
    try {
      const fd = await openNext(join(folder, name), 'a')
      for (let wait = 0; !(await tryLock(fd, wait, searchPath, signal)); wait = 2) await endOrphans(fd)
      const onFolder = await openNext(dir, 'r')
      for (let wait = 0; !(await tryLock(onFolder, wait, searchPath, signal)); wait = 2);
      return { fd, release }
    } catch (error) {
      await release()
      throw error
    }
  }
}
