import type { Context } from 'hono'
import { auth } from 'hono/utils/basic-auth'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../problem.ts'
import { isSameSecret } from './bearer-token.ts'
import type { LoginBudget } from './login-budget.ts'

/** The user and the password of dashboard and pages. */
export interface Login {
  user: string
  password: string
}

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="Deployer"' }

/**
 * Makes the gate of what a browser asks a password for.
 *
 * @param logins Counts wrong passwords.
 * @returns Throws {@link Problem} for whoever does not have it.
 */
export function createCheckLogin(login: Login, logins: LoginBudget): (c: Context<AppEnv>) => Promise<void> {
  return async (c) => {
    const given = auth(c.req.raw)
    if (!given) throw new Problem('login_missing', 'Log in with DASHBOARD_USER and DASHBOARD_PASSWORD.', CHALLENGE)
    const address = c.get('clientAddress')
    logins.check(address)
    // Both are compared, whatever the first comparison says.
    const matches = [isSameSecret(given.username, login.user), isSameSecret(given.password, login.password)]
    if (matches.every(Boolean)) return
    await logins.count(address)
    throw new Problem('login_invalid', 'User or password are not those of DASHBOARD_USER and DASHBOARD_PASSWORD.', CHALLENGE)
  }
}
