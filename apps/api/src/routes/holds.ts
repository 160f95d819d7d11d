import { Hono, type Context } from 'hono'
import { z } from 'zod'
import { Hold } from '@deployer/shared/updates'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { Problem, queueUnavailable } from '../problem.ts'
import type { ApiContext } from './context.ts'
import { findHost, oneHost } from './find-host.ts'
import { readJson } from './read-json.ts'
import { HostBody, HostQuery } from './stacks.ts'
import { holdStack, releaseStack } from '../write-holds.ts'
import { parseInput } from './wait-query.ts'

/** The body of a request for a hold. */
export const HoldBody = HostBody.extend({
  reason: z.string('reason says why, for whoever is refused').trim().pipe(Hold.shape.reason).describe('Why, for whoever is refused.'),
  until: z.iso
    .datetime({ offset: true, error: 'until is a time with its zone, such as 2027-01-01T00:00:00Z' })
    .refine((time) => new Date(time).getUTCFullYear() <= 9999, 'until is after the year 9999: without it a hold has no end')
    .nullish()
    .describe('When the hold ends by itself; otherwise somebody releases it.'),
})

/** Holds stacks, so that nobody deploys them, and releases them. Both may be done again. */
export function holdRoutes(api: ApiContext) {
  const proven = api.authenticate(() => null)
  return new Hono<AppEnv>()
    .put('/stacks/:stack/hold', proven, async (c) => {
      const { reason, until, host: wanted } = parseInput(HoldBody, readJson(c))
      const stack = c.req.param('stack')
      const host = await hostOf(c, api, wanted)
      const [seconds = 0] = await beforeDeadline(c, api.redis.time())
      const now = seconds * 1000
      if (until && Date.parse(until) <= now) throw new Problem('invalid_request', 'until: it is over already.')
      const by = c.get('caller').key
      const end = until ? new Date(until).toISOString() : null
      const hold: Hold = { reason, until: end, by, since: new Date(now).toISOString() }
      await beforeDeadline(c, holdStack(api, host, stack, hold))
      tell(c, api, { event: 'stack_held', stack, host, reason, until: end }, 'a stack is held')
      return c.json({ stack, host, hold })
    })
    .delete('/stacks/:stack/hold', proven, async (c) => {
      const stack = c.req.param('stack')
      const host = await hostOf(c, api, parseInput(HostBody, readJson(c)).host)
      const { was_held, former } = await beforeDeadline(c, releaseStack(api, host, stack))
      if (was_held) tell(c, api, { event: 'stack_released', stack, host, reason: former?.reason }, 'a stack is no longer held')
      return c.json({ stack, host, hold: null })
    })
}

async function hostOf(c: Context<AppEnv>, api: ApiContext, inBody: string | undefined): Promise<string> {
  const { host } = parseInput(HostQuery, c.req.query())
  const found = await findHost(c, api, 'hold', c.req.param('stack') ?? '', oneHost(host, inBody))
  if (api.redis.status !== 'ready') throw queueUnavailable()
  return found
}

/** Who did it, for the log. */
function tell(c: Context<AppEnv>, { logger }: ApiContext, fields: Record<string, unknown>, message: string): void {
  const who = { caller: c.get('caller').key, client: c.get('clientAddress'), request_id: c.get('requestId') }
  logger.info({ ...fields, ...who }, message)
}
