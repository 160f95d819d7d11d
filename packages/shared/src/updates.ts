import { z } from 'zod'
import { KEY_PREFIX } from './queue.ts'

/** Why an image that the registry has newer is not deployed yet, or why nothing is known of it. */
export const UpdateState = z.enum([
  /** Nothing is in its way: it is being deployed, or its deploy failed before anything was changed and is tried again with the next round. */
  'pending',
  /** An image of the stack changed less than `SETTLE` ago. */
  'settling',
  /** Younger here than `min_age`. */
  'cooling',
  /** Outside of the window. */
  'window',
  /** Told of only: `watch: notify`. */
  'notify',
  'held',
  'skipped',
  /** Its deploy was rolled back. */
  'quarantined',
  /** An image without a registry. */
  'local',
  /** The registry did not answer. */
  'unknown',
])
export type UpdateState = z.infer<typeof UpdateState>

/** A service whose image the registry has newer, or of which nothing is known. */
export const Update = z.object({
  service: z.string(),
  /** The name in the compose file. */
  image: z.string(),
  /** Digest of the image that runs; `null` where it has none. */
  running: z.string().nullable(),
  /** The digest that is next: that which the name has now, or with `min_age` one that it had before; `null` where the registry did not answer. */
  available: z.string().nullable(),
  /** When this digest was seen here first: RFC 3339. */
  first_seen: z.iso.datetime().nullable(),
  /** When it may be deployed at the earliest; `null` where time alone does not make it so. */
  eligible_at: z.iso.datetime().nullable(),
  state: UpdateState,
})
export type Update = z.infer<typeof Update>

/** What will be so of updates that are held, by service, as soon as nobody holds their stack any more. */
export const Unheld = z.record(z.string(), Update.pick({ state: true }).extend({ eligible_at: z.iso.datetime() }))
export type Unheld = z.infer<typeof Unheld>

/** What a worker has found out about the images of one stack. */
export const StackUpdates = z.object({
  /** When the registries were asked last: RFC 3339. */
  checked_at: z.iso.datetime(),
  updates: z.array(Update),
  /** The release before does not write it. */
  unheld: Unheld.optional(),
})
export type StackUpdates = z.infer<typeof StackUpdates>

/** Hash: stack → {@link StackUpdates} as JSON, published by the host's worker. */
export function updatesKey(host: string): string {
  return `${KEY_PREFIX}:updates:${host}`
}

/** A stack that nobody may deploy. */
export const Hold = z.object({
  reason: z.string().min(1).max(500),
  /** When it ends by itself: RFC 3339; `null`: never. */
  until: z.iso.datetime().nullable(),
  /** The id of the key that asked for it. */
  by: z.string(),
  since: z.iso.datetime(),
})
export type Hold = z.infer<typeof Hold>

/** Hash: stack → {@link Hold} as JSON. One whose `until` is over holds nothing. */
export function holdsKey(host: string): string {
  return `${KEY_PREFIX}:holds:${host}`
}

/** What stands for a hold that cannot be read: somebody's wish that nothing be deployed is kept all the same. */
const UNREADABLE: Hold = { reason: 'This release cannot read why.', until: null, by: 'unknown', since: '1970-01-01T00:00:00.000Z' }

/**
 * A hold as it is stored, while it holds.
 *
 * @param now Milliseconds since the epoch, by Redis's clock.
 */
export function holdInForce(stored: string | null | undefined, now: number): Hold | null {
  if (!stored) return null
  const hold = parseHold(stored) ?? UNREADABLE
  return hold.until === null || Date.parse(hold.until) > now ? hold : null
}

function parseHold(json: string): Hold | null {
  try {
    return Hold.parse(JSON.parse(json))
  } catch {
    return null
  }
}

/** Hash: `stack/service` → the digest that is left out. */
export function skipsKey(host: string): string {
  return `${KEY_PREFIX}:skips:${host}`
}

/** How the line of a check goes on after service and image, where the registry gave no answer; why follows. The command line shows those lines. */
export const IS_UNKNOWN = 'is unknown: '
