import { open } from 'node:fs/promises'
import { runProcess } from '../process/run-process.ts'
import { endOrphans } from './end-orphans.ts'

/** The right to run compose in a stack's folder. */
export interface StackLock {
  /** The open folder: whoever inherits it holds the lock too. */
  fd: number
  /** Gives it back; may be called twice. */
  release(): Promise<void>
}

/**
 * Takes the kernel's lock (flock) on a stack's folder. Locks in Redis expire while the processes that they stand for live on;
 * this one is held by the processes themselves, through the open folder that they inherit, and ends with the last of them.
 * The folder is its own lock file: every worker that sees the stack sees the lock, also from another container.
 *
 * Processes that a dead worker left behind are ended; for a living worker's it waits.
 *
 * @param searchPath The PATH in which `flock` of util-linux is found.
 * @throws The signal's reason, when it is aborted.
 */
export async function lockStack(dir: string, searchPath: string, signal: AbortSignal): Promise<StackLock> {
  const folder = await open(dir, 'r')
  try {
    for (let wait = '0'; !(await flock(folder.fd, wait, searchPath, signal)); wait = '2') {
      signal.throwIfAborted()
      await endOrphans(folder.fd)
    }
    signal.throwIfAborted()
  } catch (error) {
    await folder.close()
    throw error
  }
  let released: Promise<void> | undefined
  return { fd: folder.fd, release: () => (released ??= folder.close()) }
}

/** flock(2) locks belong to the open file that parent and child share, so the lock stays when the program has ended. */
async function flock(fd: number, waitSeconds: string, searchPath: string, signal: AbortSignal): Promise<boolean> {
  const options = { env: { PATH: searchPath }, signal, inheritFd: fd }
  return (await runProcess('flock', ['--exclusive', '--timeout', waitSeconds, '3'], options)) === 0
}
