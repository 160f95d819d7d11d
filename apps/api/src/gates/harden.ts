import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../problem.ts'

/** Longest path with its query, in characters: far more than any request of the service needs. */
const MAX_PATH = 2048

/** What no page of another site may do with an answer, and no cache may keep. */
export const COMMON_HEADERS = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
}

/**
 * The headers of every answer, and the limit of a path. They are set on Node's own answer: a header set on a Fetch answer costs twenty
 * times as much, and a page that needs others sets them over these.
 */
export const harden = createMiddleware<AppEnv>(async (c, next) => {
  for (const [name, value] of Object.entries(COMMON_HEADERS)) c.env.outgoing.setHeader(name, value)
  if ((c.env.incoming.url?.length ?? 0) > MAX_PATH) {
    throw new Problem('path_too_long', `Path and query have at most ${MAX_PATH} characters.`, { Connection: 'close' })
  }
  return next()
})
