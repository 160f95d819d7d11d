import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What was seen of compose processes in stacks' folders. */
export interface ComposeWatch {
  /** The most that were seen at the same time in one folder. */
  most(): number
  /** How many looks were taken. */
  looks(): number
  stop(): void
}

/** The compose processes that Deployer has working in some folders now, by /proc, with the folder of each. */
function findProcesses(dirs: string[]): { pid: number; dir: string }[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const dir = readlinkSync(`/proc/${entry}/cwd`)
      if (!dirs.includes(dir)) return []
      const args = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0')
      // The lab's own compose commands have no --progress.
      return args[0]?.endsWith('docker-compose') && args.includes('--progress') ? [{ pid: Number(entry), dir }] : []
    } catch {
      return []
    }
  })
}

/** The numbers of those processes. */
export function composeProcesses(...dirs: string[]): number[] {
  return findProcesses(dirs).map(({ pid }) => pid)
}

/**
 * Looks at /proc over and over for two compose runs in one folder. No step runs compose beside another, so more than one
 * process of one folder is always an overlap.
 */
export function watchCompose(dirs: string[], interval = 3): ComposeWatch {
  let most = 0
  let looks = 0
  const timer = setInterval(() => {
    looks++
    const found = findProcesses(dirs)
    for (const dir of dirs) most = Math.max(most, found.filter((one) => one.dir === dir).length)
  }, interval)
  return { most: () => most, looks: () => looks, stop: () => clearInterval(timer) }
}
