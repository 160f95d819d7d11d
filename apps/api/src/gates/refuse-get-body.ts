import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../problem.ts'
import type { Limits } from './limits.ts'
import { hasBody } from './read-body.ts'

/**
 * A GET has no body, and none is read: a plain signature is made over the body where there is one, so any signed text would open every GET.
 */
export function createRefuseGetBody(limits: Limits) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const { incoming } = c.env
    if ((incoming.method === 'GET' || incoming.method === 'HEAD') && hasBody(incoming)) {
      await limits.stranger(c)
      throw new Problem('body_not_allowed', 'Send a GET without a body: its parameters are in the query.', { Connection: 'close' })
    }
    return next()
  })
}
