import { z } from 'zod'
import { KEY_PREFIX } from './queue.ts'
import { HostName, StackName } from './names.ts'

/** Hash: host → its inventory as JSON. Kept when the host goes away. */
export const INVENTORY_KEY = `${KEY_PREFIX}:inventory`
/** Sorted set: `host instance` → time of the last heartbeat in milliseconds. */
export const HEARTBEATS_KEY = `${KEY_PREFIX}:heartbeats`
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
})
export type InventoryStack = z.infer<typeof InventoryStack>

/** What a host has, as its workers publish it. */
export const Inventory = z.object({ host: HostName, version: z.string(), stacks: z.array(InventoryStack) })
export type Inventory = z.infer<typeof Inventory>
