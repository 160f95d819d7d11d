import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Redis } from 'ioredis'
import type { AppEnv } from '../app-env.ts'
import { createCaller, OWNER, type Caller } from '../keys/caller.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import type { TokenVerifier } from '../keys/verify-token.ts'
import { Problem } from '../problem.ts'
import { bearerToken } from './bearer-token.ts'
import type { FailureBudget } from './failure-budget.ts'
import { checkSignature, type SignatureRules } from './signature.ts'

/** Whom the API believes. */
export interface Credentials {
  /** DEPLOY_SECRET and the previous one: the key to everything. */
  secrets: string[]
  ring: KeyRing
  tokens: TokenVerifier
  rules: SignatureRules
  failures: FailureBudget
}

/** A caller's own fault; an issuer or a Redis that is away is not. */
const FAILURES = new Set(['signature_missing', 'signature_invalid', 'signature_expired', 'signature_replayed', 'token_invalid'])

/**
 * The third gate: who has proven nothing gets no further, and learns nothing about stacks.
 *
 * @returns A gate for routes, by the message of a plain signature over an empty body; `null` where a plain signature does not do.
 */
export function createAuthenticate(redis: Redis, credentials: Credentials) {
  return (plainSubject: (c: Context<AppEnv>) => string | null) =>
    createMiddleware<AppEnv>(async (c, next) => {
      const address = c.get('clientAddress')
      credentials.failures.check(address)
      try {
        c.set('caller', await identify(c, redis, credentials, plainSubject(c)))
      } catch (error) {
        if (error instanceof Problem && FAILURES.has(error.code)) await credentials.failures.count(address)
        throw error
      }
      return next()
    })
}

async function identify(c: Context<AppEnv>, redis: Redis, credentials: Credentials, plainSubject: string | null): Promise<Caller> {
  const { secrets, ring, tokens, rules } = credentials
  const signed = c.req.header('X-Signature') !== undefined || c.req.header('X-Hub-Signature-256') !== undefined
  const token = bearerToken(c.req.header('Authorization'))
  if (token !== null && !signed) return tokens.verify(token, ring.current().issuers)
  const keyId = c.req.header('X-Key-Id')
  if (keyId === undefined) {
    await checkSignature(c, redis, rules, secrets, plainSubject)
    return OWNER
  }
  const key = ring.current().keys.find(({ id, expires }) => id === keyId && (expires === undefined || Date.now() < expires))
  await checkSignature(c, redis, rules, key ? [key.secret] : [], plainSubject)
  if (!key) throw new Problem('signature_invalid', 'The signature does not fit the key that X-Key-Id names.')
  return createCaller(key.id, [key])
}
