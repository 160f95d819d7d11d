import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Redis } from 'ioredis'
import type { Socket } from 'node:net'
import { StackName } from '@deployer/shared/names'
import type { AppEnv } from '../app-env.ts'
import { createCaller, OWNER, type Caller } from '../keys/caller.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import type { ScopedKey } from '../keys/keys-file.ts'
import type { TokenVerifier } from '../keys/verify-token.ts'
import { Problem } from '../problem.ts'
import { bearerToken } from './bearer-token.ts'
import { hookProof } from './code-host-hook.ts'
import type { Limits } from './limits.ts'
import { readBody } from './read-body.ts'
import { checkSignature, type SignatureRules } from './signature.ts'

/** Whom the API believes. */
export interface Credentials {
  /** DEPLOY_SECRET and the previous one: the key to everything. */
  secrets: string[]
  ring: KeyRing
  tokens: TokenVerifier
  rules: SignatureRules
  limits: Limits
  /** MAX_BODY_BYTES. */
  maxBodyBytes: number
  /** Told of each connection over which somebody has proven who he is. */
  onProof(socket: Socket): void
}

/** A caller's own fault; an issuer or a Redis that is away is not. */
const FAILURES = new Set(['signature_missing', 'signature_invalid', 'signature_expired', 'signature_replayed', 'token_invalid'])

/**
 * The gates of what is not for everybody, in their order: who shows no proof at all is counted by address before anything else; then the
 * body's size, then the proof. Who has proven nothing gets no further, and learns nothing about stacks. Failures count against their
 * address, and never against who has proven who they are.
 *
 * @returns A gate for routes, by the message of a plain signature over an empty body; `null` where a plain signature does not do. A route may
 * also take the hooks of code hosts.
 */
export function createAuthenticate(redis: Redis, credentials: Credentials) {
  return (plainSubject: (c: Context<AppEnv>) => string | null, takesHooks = false) =>
    createMiddleware<AppEnv>(async (c, next) => {
      const { limits, maxBodyBytes: maxBytes } = credentials
      const keep = showsProof(c)
      if (!keep) await limits.stranger(c)
      c.set('body', await readBody(c.env.incoming, { maxBytes, keep, onLarge: () => limits.stranger(c) }))
      let caller
      try {
        caller = await identify(c, redis, credentials, plainSubject(c), takesHooks)
      } catch (error) {
        if (error instanceof Problem && FAILURES.has(error.code)) await limits.failure(c)
        throw error
      }
      credentials.onProof(c.env.incoming.socket)
      c.set('caller', caller)
      await limits.caller(c, caller.key, stackOf(c))
      return next()
    })
}

const isSigned = (c: Context<AppEnv>) => c.req.header('X-Signature') !== undefined || hookProof(c) !== null
const showsProof = (c: Context<AppEnv>) => isSigned(c) || bearerToken(c.req.header('Authorization')) !== null

/** The stack that a request is about, for its limit; empty where there is none. */
function stackOf(c: Context<AppEnv>): string {
  const named: unknown = c.req.param('stack') ?? (c.req.method === 'POST' ? stackInBody(c.get('body')) : '')
  return StackName.safeParse(named).data ?? ''
}

/** What is no JSON is told to the caller behind this gate. */
function stackInBody(body: Uint8Array): unknown {
  try {
    return (JSON.parse(Buffer.from(body).toString()) as { stack?: unknown } | null)?.stack
  } catch {
    return ''
  }
}

async function identify(
  c: Context<AppEnv>,
  redis: Redis,
  credentials: Credentials,
  plainSubject: string | null,
  takesHooks: boolean,
): Promise<Caller> {
  const { secrets, ring, tokens, rules } = credentials
  const token = bearerToken(c.req.header('Authorization'))
  if (token !== null && !isSigned(c)) return tokens.verify(token, () => ring.current().issuers)
  const hook = c.req.header('X-Signature') === undefined ? hookProof(c) : null
  if (hook && !takesHooks && !hook.isPlain) {
    throw new Problem('signature_invalid', 'The hook of a code host goes to POST /deploy/<stack>?key=<id>, and is good for nothing else.')
  }
  const keyId = c.req.header('X-Key-Id') ?? (hook ? c.req.query('key') : undefined)
  if (keyId === undefined) {
    await checkSignature(c, redis, rules, secrets, plainSubject, hook)
    return OWNER
  }
  const isGood = ({ expires }: ScopedKey) => expires === undefined || Date.now() < expires
  const key = ring.current().keys.find((one) => one.id === keyId && isGood(one))
  await checkSignature(c, redis, rules, key ? [key.secret] : [], plainSubject, hook)
  if (!key) throw new Problem('signature_invalid', 'The signature does not fit the key that X-Key-Id or ?key= names.')
  return createCaller(key.id, [key], () => isGood(key) && ring.current().keys.includes(key), key.refs)
}
