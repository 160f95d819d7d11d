import type { Context } from 'hono'
import type { AppEnv } from '../app-env.ts'
import type { Action } from '../keys/caller.ts'
import { Problem } from '../problem.ts'

/**
 * Holds a caller to its key. A stack outside of it does not exist for the caller, so its answer is the one for a stack that is not there.
 *
 * @param missing What is answered when there is no such thing for this caller.
 * @throws {Problem} `missing`, or `forbidden` for an action that the key lacks on a stack that it sees.
 */
export function authorize(c: Context<AppEnv>, action: Action, stack: string, missing: () => Problem): void {
  const caller = c.get('caller')
  if (!caller.sees(stack)) throw missing()
  if (!caller.may(action, stack)) throw forbidden(action, `on "${stack}"`)
}

/** The same for what is not about one stack. */
export function authorizeAnywhere(c: Context<AppEnv>, action: Action): void {
  if (!c.get('caller').mayAnywhere(action)) throw forbidden(action, 'on any stack')
}

function forbidden(action: Action, where: string): Problem {
  return new Problem('forbidden', `This key may not ${action} ${where}. Its actions are in the keys file.`)
}
