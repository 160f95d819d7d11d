import type { Context } from 'hono'
import type { AppEnv } from '../../app-env.ts'
import type { ApiContext } from '../../routes/context.ts'
import { findHost } from '../../routes/find-host.ts'

/**
 * The stack that a path names, on the host that it names.
 *
 * @throws {Problem} `stack_not_found`, or `queue_unavailable` when it is not known what stacks there are.
 */
export async function placeOf(
  c: Context<AppEnv>,
  api: ApiContext,
  { host, stack } = { host: c.req.param('host') ?? '', stack: c.req.param('stack') ?? '' },
): Promise<{ host: string; stack: string }> {
  return { host: await findHost(c, api, 'read', stack, host), stack }
}
