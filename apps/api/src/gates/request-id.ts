import { createMiddleware } from 'hono/factory'
import { randomUUID } from 'node:crypto'
import type { AppEnv } from '../app-env.ts'
import { REDIS_BUDGET } from '../before-deadline.ts'

const SANE = /^[A-Za-z0-9._:-]{1,128}$/

/** Names the request, by the caller's own id where that is a sane one, and starts its clock. */
export const requestId = createMiddleware<AppEnv>(async (c, next) => {
  const given = c.req.header('X-Request-Id')
  const id = given !== undefined && SANE.test(given) ? given : randomUUID()
  c.set('requestId', id)
  c.set('deadline', Date.now() + REDIS_BUDGET)
  c.env.outgoing.setHeader('X-Request-Id', id)
  return next()
})
