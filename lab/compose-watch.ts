import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What was seen of compose processes in a stack's folder. */
export interface ComposeWatch {
  /** The most that were seen at the same time in one folder. */
  most(): number
  /** How many looks were taken. */
  looks(): number
  stop(): void
}

/** The compose processes that work in a folder now, by /proc. Processes of the lab itself do not count. */
export function composeProcesses(dir: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      if (readlinkSync(`/proc/${entry}/cwd`) !== dir) return []
      const args = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0')
      return args[0]?.endsWith('docker-compose') && args.includes('--progress') ? [Number(entry)] : []
    } catch {
      return []
    }
  })
}

/**
 * Looks at /proc over and over for two compose runs in one folder. `config` runs beside nothing of its own stack's, so that more
 * than one process of one folder is always an overlap.
 */
export function watchCompose(dirs: string[]): ComposeWatch {
  let most = 0
  let looks = 0
  const timer = setInterval(() => {
    looks++
    for (const dir of dirs) most = Math.max(most, composeProcesses(dir).length)
  }, 3)
  return { most: () => most, looks: () => looks, stop: () => clearInterval(timer) }
}
