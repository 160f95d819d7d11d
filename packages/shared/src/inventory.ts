import { z } from 'zod'
import { KEY_PREFIX } from './queue.ts'
import { HostName, StackName } from './names.ts'

/** Hash: host → its inventory as JSON. Kept when the host goes away. */
export const INVENTORY_KEY = `${KEY_PREFIX}:inventory`
/** Sorted set: `host instance` → time of the last heartbeat in milliseconds, by Redis's clock: those of workers may differ. */
export const HEARTBEATS_KEY = `${KEY_PREFIX}:heartbeats`
/** Hash: host → when it was heard of last, in milliseconds by Redis's clock; stays when its workers have gone. */
export const LAST_SEEN_KEY = `${KEY_PREFIX}:last-seen`
/** Hash: host → milliseconds that its worker's clock is ahead of Redis's. */
export const CLOCKS_KEY = `${KEY_PREFIX}:clocks`
/** Hash: a host's former name → its name now. */
export const RENAMED_KEY = `${KEY_PREFIX}:renamed`
/** Milliseconds by which clocks may differ without a word. */
export const CLOCK_TOLERANCE = 5000
/** Channel: the host whose inventory has just changed. */
export const INVENTORY_CHANNEL = `${KEY_PREFIX}:inventory-changed`
/** A worker says this often that it lives; silent for three of these, it counts as away. Milliseconds. */
export const HEARTBEAT_INTERVAL = 3000
export const HEARTBEAT_EXPIRY = 3 * HEARTBEAT_INTERVAL

/** A stack as its worker sees it. */
export const InventoryStack = z.object({
  name: StackName,
  /** Names of the services that have containers. */
  services: z.array(z.string()),
  running: z.boolean(),
  /** The names of their images, by service; empty from a worker of the release before. */
  images: z.record(z.string(), z.string()).default({}),
  /** Of those services, the ones with a container that does not do what it was made for. */
  broken: z.array(z.string()).default([]),
  /** Of those services, the ones of which nothing runs, also where that is as it has to be; empty from a worker of the release before. */
  stopped: z.array(z.string()).default([]),
  /** Files that what runs is not made from as they are now; empty also where that is not known, and from a worker of the release before. */
  drifted: z.array(z.string()).default([]),
})
export type InventoryStack = z.infer<typeof InventoryStack>

/** What a host has, as its workers publish it. */
export const Inventory = z.object({
  host: HostName,
  version: z.string(),
  stacks: z.array(InventoryStack),
  /** The id of its Docker Engine, and of its worker's DATA_DIR: what the host is, whatever it is called. `null` where it is not known. */
  engine: z.string().nullable().default(null),
  data: z.string().nullable().default(null),
})
export type Inventory = z.infer<typeof Inventory>
