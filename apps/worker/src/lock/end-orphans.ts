import { fstatSync, readdirSync, statSync } from 'node:fs'
import { endProcessTree } from '../process/end-process-tree.ts'
import { listProcesses } from '../process/processes.ts'

/** The number under which a process that was started under a stack's lock has the folder open. */
const INHERITED = '3'

/**
 * Ends the processes that hold a stack's lock although the worker that started them has died. A worker keeps the folder open
 * as long as its processes run, so a holder whose parent does not have the folder open has lost its worker.
 *
 * @param fd The stack's folder, open in this process.
 */
export async function endOrphans(fd: number): Promise<void> {
  const folder = fstatSync(fd)
  const holds = (pid: number, number: string) => {
    const stats = statSync(`/proc/${pid}/fd/${number}`, { throwIfNoEntry: false })
    return stats?.ino === folder.ino && stats.dev === folder.dev
  }
  const processes = listProcesses()
  const holders = new Set<number>()
  for (const { pid } of processes) if (quietly(() => openFiles(pid).some((number) => holds(pid, number)))) holders.add(pid)
  const orphans = processes.filter(({ pid, parent }) => holders.has(pid) && !holders.has(parent) && quietly(() => holds(pid, INHERITED)))
  await Promise.all(orphans.map(({ pid }) => endProcessTree(pid)))
}

function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`)
}

/** Processes end while they are looked at, and those of others may not be looked at. */
function quietly(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    return false
  }
}
