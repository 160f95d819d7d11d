import { createHmac, scryptSync } from 'node:crypto'
import { isSameSecret } from '../gates/bearer-token.ts'
import type { Login } from '../gates/check-login.ts'

const DAY = 86_400_000

/** Tells forms of our own pages from those of other sites. */
export interface PageToken {
  /** For a form that is shown now. */
  now(): string
  /** Whether a form came from a page of this day or the one before. */
  holds(token: string): boolean
}

/**
 * Nothing is kept for it: every API process that has the same login makes the same tokens. Whoever gets to see one cannot find the password by trying
 * faster than scrypt lets him.
 */
export function createPageToken({ user, password }: Login): PageToken {
  const key = scryptSync(password, `deployer pages ${user}`, 32)
  const ofDay = (day: number) => createHmac('sha256', key).update(String(day)).digest('base64url')
  const today = () => Math.floor(Date.now() / DAY)
  return {
    now: () => ofDay(today()),
    // Both are compared, whatever the first comparison says.
    holds: (token) => [today(), today() - 1].map((day) => isSameSecret(token, ofDay(day))).some(Boolean),
  }
}
