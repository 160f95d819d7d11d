import type { Context } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../problem.ts'

/** The body as JSON; an empty one is an empty object. @throws {Problem} `invalid_json` */
export function readJson(c: Context<AppEnv>): unknown {
  const body = c.get('body')
  if (body.byteLength === 0) return {}
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new Problem('invalid_json', 'The body must be JSON in UTF-8, or empty. For GitHub, choose the content type application/json.')
  }
}
