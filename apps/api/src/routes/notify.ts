import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { OWNER } from '../keys/caller.ts'
import type { NotifyTest } from '../openapi/answers.ts'
import { Problem } from '../problem.ts'
import type { ApiContext } from './context.ts'

/** Shows whether messages arrive. */
export function notifyRoutes(api: ApiContext) {
  return new Hono<AppEnv>().post(
    '/notify/test',
    api.authenticate(() => null),
    async (c) => {
      if (c.get('caller') !== OWNER) throw new Problem('forbidden', 'Only the main secret tests notifications.')
      const channels = await api.notify.test()
      const answer: NotifyTest = { ok: channels.every(({ ok }) => ok), channels }
      return c.json(answer)
    },
  )
}
