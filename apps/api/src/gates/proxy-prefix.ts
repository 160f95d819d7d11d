import type { Context } from 'hono'
import type { AppEnv } from '../app-env.ts'

const PREFIX = /^(\/[A-Za-z0-9._~-]+)+$/

/** The prefix that a proxy takes away from the path before it comes here; empty where there is none. */
export function proxyPrefix(c: Context<AppEnv>): string {
  const prefix = c.req.header('X-Forwarded-Prefix')?.replace(/\/$/, '') ?? ''
  return PREFIX.test(prefix) ? prefix : ''
}
