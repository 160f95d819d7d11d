import type { HttpBindings } from '@hono/node-server'
import type { Caller } from './keys/caller.ts'
import type { RegistryHook } from './keys/keys-file.ts'

/** What the gates have found out about a request, for its handler. */
export interface AppEnv {
  Bindings: HttpBindings
  Variables: {
    requestId: string
    clientAddress: string
    /** The raw body; empty where there is none. */
    body: Uint8Array
    /** Whether the request has been counted as one that proves nothing. */
    countedAsStranger: boolean
    caller: Caller
    /** Of a registry's hook: the one that the address names. */
    hook: RegistryHook
    /** Milliseconds since the epoch after which a request that needs Redis is answered 503. */
    deadline: number
  }
}
