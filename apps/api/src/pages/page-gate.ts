import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Socket } from 'node:net'
import type { AppEnv } from '../app-env.ts'
import { createCheckLogin, type Login } from '../gates/check-login.ts'
import type { Limits } from '../gates/limits.ts'
import type { LoginBudget } from '../gates/login-budget.ts'
import { readBody } from '../gates/read-body.ts'
import { originOf } from '../gates/same-origin.ts'
import { OWNER, type Caller } from '../keys/caller.ts'
import { Problem } from '../problem.ts'
import { errorPage } from './error-page.ts'
import type { PageToken } from './page-token.ts'
import { PAGE_CALLER } from './parts/asker.ts'
import type { View } from './view.ts'

/** Nothing inline, and nothing from elsewhere: what somebody else's text may hold is never run. */
const POLICY = "default-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
/** A form of ours has far less. Bytes. */
const LARGEST_FORM = 16_384

/** What the gate of the pages needs. */
export interface PageGate {
  login: Login
  /** Counts wrong passwords. */
  logins: LoginBudget
  limits: Limits
  /** Told of the connection of somebody who has the password. */
  onProof: (socket: Socket) => void
}

/** Lets in whoever has the password, as a caller who may do everything, and shows problems as pages. */
export function createPageGate({ login, logins, limits, onProof }: PageGate, viewOf: (c: Context<AppEnv>) => View) {
  const checkLogin = createCheckLogin(login, logins)
  const caller: Caller = { ...OWNER, key: `${PAGE_CALLER}${login.user}`.slice(0, 256) }
  const asPage = createMiddleware<AppEnv>(async (c, next) => {
    const { outgoing } = c.env
    outgoing.setHeader('Content-Security-Policy', POLICY)
    // Forms say where they come from; other sites are told nothing.
    outgoing.setHeader('Referrer-Policy', 'same-origin')
    await next()
    if (!c.res.headers.get('Content-Type')?.startsWith('application/problem+json')) return
    const problem = (await c.res.json()) as { code: string; detail: string }
    c.res = await c.html(errorPage(viewOf(c), problem), c.res.status as ContentfulStatusCode)
  })
  const loggedIn = createMiddleware<AppEnv>(async (c, next) => {
    try {
      await checkLogin(c)
    } catch (problem) {
      await limits.stranger(c)
      throw problem
    }
    onProof(c.env.incoming.socket)
    c.set('caller', caller)
    const [, , what, , stack = ''] = c.req.path.split('/')
    await limits.caller(c, caller.key, what === 'stacks' ? stack : '')
    return next()
  })
  return [asPage, loggedIn] as const
}

/**
 * The fields of a form, which browsers send with the login whatever page it is on.
 *
 * @throws {Problem} `forbidden`, unless it was sent by a page of here that is not too old.
 */
export async function readForm(c: Context<AppEnv>, token: PageToken): Promise<URLSearchParams> {
  if (originOf(c) !== 'same')
    throw new Problem(
      'forbidden',
      'This form was not sent by a page of here, or a proxy in between does not pass its Host header on. Nothing was done.',
    )
  if (!c.req.header('Content-Type')?.startsWith('application/x-www-form-urlencoded')) {
    throw new Problem('invalid_request', 'A form of a page is application/x-www-form-urlencoded.')
  }
  const body = await readBody(c.env.incoming, { maxBytes: LARGEST_FORM, keep: true, onLarge: () => Promise.resolve() })
  const fields = new URLSearchParams(new TextDecoder().decode(body))
  if (!token.holds(fields.get('token') ?? '')) {
    throw new Problem(
      'forbidden',
      'The page with this form is too old, or not of here. Nothing was done: load it again, and send it once more.',
    )
  }
  return fields
}
