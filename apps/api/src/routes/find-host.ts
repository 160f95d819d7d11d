import type { Context } from 'hono'
import { StackName } from '@deployer/shared/names'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import type { HostedStack } from '../inventory-cache.ts'
import type { Action } from '../keys/caller.ts'
import { Problem, queueUnavailable } from '../problem.ts'
import { authorize } from './authorize.ts'
import type { ApiContext } from './context.ts'

/**
 * The host that has a stack, or the one that the caller picks among several.
 *
 * @param action What the caller wants to do with the stack.
 * @param wanted The host that the caller names, if any.
 * @throws {Problem} `stack_not_found`, `stack_ambiguous`, `forbidden`, or `queue_unavailable` when it is not known what stacks there are.
 */
export async function findHost(
  c: Context<AppEnv>,
  api: ApiContext,
  action: Action,
  stack: string,
  wanted: string | undefined,
): Promise<string> {
  if (!StackName.safeParse(stack).success) throw unknownStack()
  authorize(c, action, stack, unknownStack)
  const hosts = await beforeDeadline(c, api.inventory.find(stack))
  const having = wanted === undefined ? hosts : hosts.filter(({ host }) => host === wanted)
  const [only, ...more] = having
  if (!only) {
    // Without Redis it is not known what stacks there are.
    if (api.redis.status !== 'ready') throw queueUnavailable()
    throw hosts.length === 0 ? unknownStack() : wrongHost(api, wanted ?? '', hosts)
  }
  if (more.length > 0) {
    const names = having.map(({ host }) => host)
    throw new Problem('stack_ambiguous', `Several hosts have this stack: ${names.join(', ')}. Pick one with ?host=.`, {}, { hosts: names })
  }
  return only.host
}

/**
 * The host that a request names, in its query or its body.
 *
 * @throws {Problem} `invalid_request` where they name two.
 */
export function oneHost(inQuery: string | undefined, inBody: string | undefined): string | undefined {
  if (inQuery !== undefined && inBody !== undefined && inQuery !== inBody) {
    throw new Problem('invalid_request', `The query names the host "${inQuery}", the body another one. Name it once.`)
  }
  return inQuery ?? inBody
}

/** Whoever sees the stack may know where it is. */
function wrongHost(api: ApiContext, wanted: string, having: HostedStack[]): Problem {
  const names = having.map(({ host }) => host)
  const isKnown = api.inventory.hosts().some(({ name }) => name === wanted)
  const what = isKnown ? `The host "${wanted}" does not have this stack` : `There is no host "${wanted}"`
  return new Problem('stack_not_found', `${what}. It is on: ${names.join(', ')}.`, {}, { hosts: names })
}

export function unknownStack(): Problem {
  return new Problem('stack_not_found', 'No host has a stack of this name. GET /stacks lists those there are.')
}
