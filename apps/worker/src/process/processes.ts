import { readdirSync, readFileSync } from 'node:fs'

/** A living process, as /proc shows it. */
export interface ProcessInfo {
  pid: number
  parent: number
  session: number
  /** Start time in clock ticks since boot: tells a process from a later one with the same number. */
  startTime: number
}

/** All living processes that can be seen from here; zombies do not live. */
export function listProcesses(): ProcessInfo[] {
  const found: ProcessInfo[] = []
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) continue
    const info = readProcess(pid)
    if (info) found.push(info)
  }
  return found
}

/** One process, or `null` when it has ended. */
export function readProcess(pid: number): ProcessInfo | null {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return null
  }
  // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return null
  return { pid, parent: Number(fields[1]), session: Number(fields[3]), startTime: Number(fields[19]) }
}
