import { INHERITED_FD, runProcess } from '../process/run-process.ts'

/** What `flock` is told to end with when somebody else has the lock, so that it can be told from any failure of its own. */
const TAKEN = 75

/**
 * Tries to take the kernel's lock (flock) on an open file. It belongs to the open file that parent and child share, so it stays
 * when the program that took it has ended.
 *
 * @param wait Seconds.
 * @param searchPath The PATH in which `flock` of util-linux is found.
 * @returns Whether it was had in time.
 * @throws The signal's reason, when it is aborted; and when `flock` does not work here, with what to do.
 */
export async function tryLock(fd: number, wait: number, searchPath: string, signal: AbortSignal): Promise<boolean> {
  let said = ''
  const options = { env: { PATH: searchPath }, signal, inheritFd: fd, onStderr: (text: string) => (said += text) }
  const args = ['--exclusive', '--conflict-exit-code', String(TAKEN), '--timeout', String(wait), String(INHERITED_FD)]
  const exitCode = await runProcess('flock', args, options).catch((cause: Error) => {
    throw new Error(
      `The stack cannot be locked: flock does not start (${cause.message}). Install util-linux, and let PATH name its folder.`,
      {
        cause,
      },
    )
  })
  signal.throwIfAborted()
  if (exitCode === 0) return true
  if (exitCode === TAKEN) return false
  const how = exitCode === null ? 'was ended by a signal' : `ended with ${exitCode}`
  throw new Error(
    `The stack cannot be locked: flock ${how}${said && `, saying "${said.trim()}"`}. Nothing was done: see whether it works on this host.`,
  )
}
