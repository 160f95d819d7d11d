import { INHERITED_FD, runProcess } from '../process/run-process.ts'

/**
 * Tries to take the kernel's lock (flock) on an open file. It belongs to the open file that parent and child share, so it stays
 * when the program that took it has ended.
 *
 * @param wait Seconds.
 * @returns Whether it was had in time.
 * @throws The signal's reason, when it is aborted.
 */
export async function tryLock(fd: number, wait: number, searchPath: string, signal: AbortSignal): Promise<boolean> {
  const options = { env: { PATH: searchPath }, signal, inheritFd: fd }
  const exitCode = await runProcess('flock', ['--exclusive', '--timeout', String(wait), String(INHERITED_FD)], options)
  signal.throwIfAborted()
  return exitCode === 0
}
