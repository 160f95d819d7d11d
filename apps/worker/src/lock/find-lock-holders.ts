import { fstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { listProcesses, type ProcessInfo } from '../process/processes.ts'

/** A process that holds a kernel lock, because it has the very open file that was locked. */
export interface LockHolder extends ProcessInfo {
  /** The number under which it has the locked file open. */
  fd: number
}

/**
 * Finds the processes that hold a lock (flock) on a file or folder, as far as they can be seen from here: those of other
 * containers cannot. Who has the same file open without a lock on it holds nothing and is not found.
 *
 * @param fd The file, open in this process.
 */
export function findLockHolders(fd: number): LockHolder[] {
  const file = fstatSync(fd)
  return listProcesses().flatMap((info) =>
    openFiles(info.pid).flatMap((number) => (holdsLock(info.pid, number, file) ? [{ ...info, fd: Number(number) }] : [])),
  )
}

/** Whom to name of many. */
const MOST_NAMES = 5

/** The same for people: each with its program and number. The arguments stay unsaid, since they may hold secrets. */
export function nameLockHolders(fd: number): string {
  const pids = new Set(findLockHolders(fd).map(({ pid }) => pid))
  if (pids.size === 0) return 'a process that cannot be seen from here: on the host, or in another container'
  return [...pids]
    .slice(0, MOST_NAMES)
    .map((pid) => `process ${pid} (${programOf(pid)})`)
    .join(', ')
}

function programOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return 'ended'
  }
}

/**
 * /proc lists a lock under the open files that it was taken through (proc_pid_fdinfo(5)). /proc/locks is of no use here: it
 * leaves out a lock whose taker has ended, and ours are taken by a flock(1) that has.
 */
function holdsLock(pid: number, number: string, file: { ino: number; dev: number }): boolean {
  try {
    if (!/^lock:.* FLOCK /m.test(readFileSync(`/proc/${pid}/fdinfo/${number}`, 'utf8'))) return false
    const { ino, dev } = statSync(`/proc/${pid}/fd/${number}`)
    return ino === file.ino && dev === file.dev
  } catch {
    return false
  }
}

/** Processes end while they are looked at, and those of others may not be looked at. */
function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`)
  } catch {
    return []
  }
}
