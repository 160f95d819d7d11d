import { z } from 'zod'
import { MOST_DIGESTS } from '../release/rejected.ts'

/** A digest of an image's name. */
export const Seen = z.object({
  digest: z.string(),
  /** When it was seen here first: RFC 3339, by this host's clock. */
  at: z.iso.datetime(),
  /** Whether the registry gave it for the name; otherwise it was only found running. */
  offered: z.boolean(),
})
export type Seen = z.infer<typeof Seen>

/**
 * Remembers which digests run under a name, and which one its registry gives for it now. The newest comes last.
 *
 * @param offered `null`: it did not answer, so nobody knows whether what runs is newer than what it gave before.
 */
export function remember(seen: Seen[], offered: string | null, running: string[], at: string): Seen[] {
  if (offered === null) return seen
  const current = seen.findLastIndex((one) => one.offered)
  const hasMoved = seen[current]?.digest !== offered
  const found = running.filter((digest) => !seen.some((one) => one.digest === digest))
  // What was found running is no older than what the name had before, and no newer than what it has now.
  const place = hasMoved || current === -1 ? seen.length : current
  const list = seen.toSpliced(place, 0, ...found.map((digest) => ({ digest, at, offered: false })))
  const all = hasMoved ? [...list.filter(({ digest }) => digest !== offered), { digest: offered, at, offered: true }] : list
  // Without what runs nobody could tell what is newer.
  return all.filter(({ digest }, index) => index >= all.length - MOST_DIGESTS || running.includes(digest))
}

/**
 * What a registry has offered since what runs was seen, the newest last; nothing where the name leads to what runs. Where that was never seen it has
 * come since the registry was asked, by a deploy that somebody else has asked for: what was seen may be older, so nothing is newer until the registry
 * is asked again.
 */
export function newerThan(seen: Seen[], running: string[]): Seen[] {
  const current = seen.findLast((one) => one.offered)
  if (!current || running.includes(current.digest)) return []
  const last = seen.findLastIndex(({ digest }) => running.includes(digest))
  if (last === -1 && running.length > 0) return []
  return seen.slice(last + 1).filter((one) => one.offered)
}
