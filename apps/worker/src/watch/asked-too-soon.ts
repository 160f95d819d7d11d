import type { StackLook } from './look-at-stacks.ts'
import type { WatchFile } from './memory.ts'
import { newerThan } from './seen.ts'

/**
 * The stacks whose images had time to settle of which nobody has seen the end: while that went on another image may have changed, which is to go
 * together with the first. And those where a registry has not answered since.
 *
 * @param now Milliseconds since 1970.
 */
export function askedTooSoon(looks: StackLook[], { names }: WatchFile, now: number): StackLook[] {
  return looks.filter(({ wishes: { settle }, sightings }) => {
    const known = sightings.flatMap(({ image, running }) => {
      const name = names[image]
      if (!name || name.source === 'local') return []
      return [{ asked: name.source === 'answered' ? Date.parse(name.at) : 0, changes: newerThan(name.seen, running) }]
    })
    const changes = known.flatMap((one) => one.changes.map(({ at }) => Date.parse(at)))
    const settled = Math.max(...changes) + settle
    return changes.length > 0 && settled <= now && known.some(({ asked }) => asked < settled)
  })
}
