import { setTimeout as delay } from 'node:timers/promises'
import { listProcesses, readProcess, type ProcessInfo } from './processes.ts'

/** How long a process tree may take to end by itself after TERM, in milliseconds. */
const GRACE = 5000

/**
 * Ends a process and all that came out of it: TERM, then KILL to what is left after the grace.
 * Whoever has left the session is found by its parent; whoever has lost its parent, by the session.
 *
 * @param root The leader of the session (a process that was started detached).
 * @returns When none of them lives.
 */
export async function endProcessTree(root: number): Promise<void> {
  const members = new Map<number, ProcessInfo>()
  const deadline = performance.now() + GRACE
  const signaled = new Set<number>()
  for (let pause = 10; ; pause = Math.min(pause * 2, 200)) {
    collect(root, members)
    for (const [pid, info] of members) {
      if (readProcess(pid)?.startTime !== info.startTime) members.delete(pid)
    }
    if (members.size === 0) return
    const force = performance.now() >= deadline
    for (const pid of members.keys()) {
      if (force) send(pid, 'SIGKILL')
      else if (!signaled.has(pid)) send(pid, 'SIGTERM')
      signaled.add(pid)
    }
    await delay(pause)
  }
}

/** Adds what belongs to the tree now; earlier members stay, since their parents may have ended. */
function collect(root: number, members: Map<number, ProcessInfo>): void {
  const all = listProcesses()
  let grown = true
  while (grown) {
    grown = false
    for (const info of all) {
      if (members.has(info.pid)) continue
      if (info.pid === root || info.session === root || members.has(info.parent)) {
        members.set(info.pid, info)
        grown = true
      }
    }
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended in the meantime.
  }
}
