import { mkdirSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { SettingsError } from '@deployer/shared/settings'
import type { StackPaths } from '../ports.ts'
import { Refusal } from '../refusal.ts'
import { endOrphans } from './end-orphans.ts'
import { nameLockHolders } from './find-lock-holders.ts'
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
 * @param say Told who has it, while it is waited for; `null`: it is not waited for.
 * @throws {Refusal} `stack_busy`, and the signal's reason when it is aborted.
 */
export type LockStack = (
  stack: Pick<StackPaths, 'name' | 'dir'>,
  signal: AbortSignal,
  say: ((line: string) => void) | null,
) => Promise<StackLock>

/** What locking needs of the settings. */
export interface LockSettings {
  /** DATA_DIR. */
  dataDir: string
  /** The PATH in which `flock` of util-linux is found. */
  searchPath: string
  /** LOCK_TIMEOUT, seconds. */
  timeout: number
}

/** Seconds that one try may take; after each it is looked again who has the lock. */
const TRY = 2

/**
 * Makes the function that takes kernel locks (flock) for stacks. Locks in Redis expire while the processes that they stand for
 * live on; these are held by the processes themselves, and end with the last of them. There are two for each stack:
 *
 * - one on a file in DATA_DIR, which the workers of a host share and nobody else can open. Compose inherits it. What a dead
 *   worker left under it is ended; for a living worker's processes, which have limits of their own, it waits.
 * - one on the stack's folder, held by the worker: an operator can keep deploys out with flock(1), and a worker that knows no
 *   other lock stays out too. Everybody who can open the folder can lock it, so its holder is waited for no longer than the
 *   timeout, and never ended.
 *
 * @throws {SettingsError} when DATA_DIR cannot be written.
 */
export function createLockStack({ dataDir, searchPath, timeout }: LockSettings): LockStack {
  const folder = join(dataDir, 'locks')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new SettingsError(
      `DATA_DIR is "${dataDir}", which cannot be written (${(error as NodeJS.ErrnoException).code}), but must be a folder of the worker's own that is kept.`,
    )
  }
  return async ({ name, dir }, signal, say) => {
    const opened: FileHandle[] = []
    let released: Promise<unknown> | undefined
    const release = async () => void (await (released ??= Promise.all(opened.map((handle) => handle.close()))))
    const openNext = async (path: string, flags: string) => {
      const handle = await open(path, flags, 0o600)
      opened.push(handle)
      return handle.fd
    }
    const sayNews = onlyNews(say ?? (() => undefined))
    try {
      const fd = await openNext(join(folder, name), 'a')
      for (let wait = 0; !(await tryLock(fd, wait, searchPath, signal)); wait = TRY) {
        if (!say) throw new Error(`the lock of "${name}" is taken`)
        await endOrphans(fd)
        sayNews(`waiting: an earlier run of Deployer's is still at work in this stack (${nameLockHolders(fd)})`)
      }
      const onFolder = await openNext(dir, 'r')
      const began = performance.now()
      for (let left = timeout, wait = 0; !(await tryLock(onFolder, wait, searchPath, signal)); wait = Math.min(left, TRY)) {
        if (!say) throw new Error(`the lock on ${dir} is taken`)
        const holders = nameLockHolders(onFolder)
        left = timeout - (performance.now() - began) / 1000
        if (left <= 0) throw busy(dir, timeout, holders)
        sayNews(`waiting, at most ${timeout} seconds: the lock on ${dir} is held by ${holders}`)
      }
      return { fd, release }
    } catch (error) {
      await release()
      throw error
    }
  }
}

function busy(dir: string, timeout: number, holders: string): Refusal {
  return new Refusal(
    'stack_busy',
    `The lock on ${dir} has been held by ${holders} for more than ${timeout} seconds (LOCK_TIMEOUT), so nothing was changed. Let it end, or end it, and deploy again. A container that mounts the folder can hold the lock too.`,
  )
}

/** Leaves out what was said before. */
function onlyNews(say: (line: string) => void): (line: string) => void {
  let last = ''
  return (line) => {
    if (line !== last) say(line)
    last = line
  }
}
