import type { Context } from 'hono'
import type { AppEnv } from '../app-env.ts'

/** Where a request comes from, as its browser says: `unknown` for what is no browser, or an old one. */
export function originOf(c: Context<AppEnv>): 'same' | 'other' | 'unknown' {
  const site = c.req.header('Sec-Fetch-Site')
  if (site !== undefined) return site === 'same-origin' ? 'same' : 'other'
  const origin = c.req.header('Origin')
  if (origin === undefined) return 'unknown'
  return URL.parse(origin)?.host === c.req.header('Host') ? 'same' : 'other'
}
