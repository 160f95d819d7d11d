import { z } from 'zod'
import { matchesGlob } from './glob.ts'

/** What a key can allow. */
export const Action = z.enum(['deploy', 'read', 'cancel', 'rollback', 'check', 'hold'])
export type Action = z.infer<typeof Action>

/** Stacks, by globs, and what may be done with them. */
export interface Grant {
  stacks: string[]
  actions: Action[]
}

/** Who a request comes from, once it is known. */
export interface Caller {
  /** The id of the key that signed, or who a token was issued for. */
  key: string
  /** Whether a stack exists for this caller. */
  sees(stack: string): boolean
  /** Whether this caller may do something with a stack. */
  may(action: Action, stack: string): boolean
  /** Whether there is any stack with which this caller may do it. */
  mayAnywhere(action: Action): boolean
  /** Globs of refs, one of which a code host's push has to fit; `undefined`: any. */
  refs?: string[] | undefined
  /** Whether its key or token is still good, and what was found in the keys file still stands there. */
  holds(): boolean
}

/**
 * @param grants What the caller's key, or every rule that its token fits, allows.
 * @param refs Of the key.
 */
export function createCaller(key: string, grants: Grant[], holds: () => boolean, refs?: string[]): Caller {
  const covers = (grant: Grant, stack: string) => grant.stacks.some((glob) => matchesGlob(glob, stack))
  return {
    key,
    holds,
    refs,
    sees: (stack) => grants.some((grant) => covers(grant, stack)),
    may: (action, stack) => grants.some((grant) => grant.actions.includes(action) && covers(grant, stack)),
    mayAnywhere: (action) => grants.some((grant) => grant.actions.includes(action)),
  }
}

/** The holder of DEPLOY_SECRET: the key to everything. */
export const OWNER: Caller = { key: 'default', holds: () => true, sees: () => true, may: () => true, mayAnywhere: () => true }
