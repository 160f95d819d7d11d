import { readFileSync } from 'node:fs'

/** The id of the container that this process runs in, from the mount that the engine makes for its host name; `null` outside of one. */
export function ownContainerId(): string | null {
  try {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    return /\/containers\/([0-9a-f]{64})\/hostname \/etc\/hostname /.exec(mounts)?.[1] ?? null
  } catch {
    return null
  }
}
