import type { Context } from 'hono'
import type { Redis } from 'ioredis'
import { KEY_PREFIX } from '@deployer/shared/queue'
import { parseSignature, signedByAny, timestampedMessage } from '@deployer/shared/signature'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { Problem, queueUnavailable } from '../problem.ts'
import { isSameSecret } from './bearer-token.ts'
import type { HookProof } from './code-host-hook.ts'

export interface SignatureRules {
  /** Seconds that a timestamped signature is good for. */
  tolerance: number
  /** Refuse plain signatures altogether. */
  requireTimestamp: boolean
}

/**
 * Checks a request's signature.
 *
 * @param secrets Accepted secrets, the current one first. Empty for a key that is not known: then a signature is compared all the same.
 * @param plainSubject The message of a plain signature over an empty body; `null` where a plain signature does not do.
 * @param hook What a code host sends in the signature's place, where it may.
 * @throws {Problem} One of `signature_*`, or `queue_unavailable` when it cannot be told whether the signature was used before.
 */
export async function checkSignature(
  c: Context<AppEnv>,
  redis: Redis,
  rules: SignatureRules,
  secrets: string[],
  plainSubject: string | null,
  hook: HookProof | null,
): Promise<void> {
  const timestamp = c.req.header('X-Timestamp')
  const own = c.req.header('X-Signature')
  if (own === undefined && hook?.token !== undefined) return checkToken(rules, secrets, hook.token)
  const header = own ?? hook?.signature
  if (header === undefined) {
    throw new Problem('signature_missing', 'Send X-Signature: the hex HMAC-SHA-256 of the message under the shared secret.')
  }
  const signature = parseSignature(header)
  if (!signature) throw new Problem('signature_invalid', 'A signature is 64 hex digits, with or without "sha256=" before them.')
  if (own !== undefined && timestamp !== undefined) return checkTimestamped(c, redis, rules, secrets, timestamp, signature)
  if (plainSubject === null || rules.requireTimestamp) throw needsTimestamp()
  const body = c.get('body')
  if (matches(secrets, body.byteLength > 0 ? body : plainSubject, signature)) return
  throw new Problem('signature_invalid', 'The signature does not fit the body and the secret. Sign the bytes that are sent.')
}

/** GitLab's: the secret itself, so that it is no better than a plain signature. */
function checkToken(rules: SignatureRules, secrets: string[], token: string): void {
  if (rules.requireTimestamp) throw needsTimestamp()
  let matched = false
  for (const secret of secrets.length > 0 ? secrets : ['no key']) matched = isSameSecret(token, secret) || matched
  if (!matched || secrets.length === 0) throw new Problem('signature_invalid', 'X-Gitlab-Token is not the secret.')
}

function needsTimestamp(): Problem {
  return new Problem(
    'signature_invalid',
    'This needs a timestamped signature: X-Timestamp, and X-Signature over timestamp.METHOD.path.body.',
  )
}

async function checkTimestamped(
  c: Context<AppEnv>,
  redis: Redis,
  rules: SignatureRules,
  secrets: string[],
  timestamp: string,
  signature: Buffer,
): Promise<void> {
  const message = timestampedMessage(timestamp, c.req.method, c.env.incoming.url ?? '', c.get('body'))
  if (!/^\d{1,12}$/.test(timestamp) || !matches(secrets, message, signature)) {
    throw new Problem('signature_invalid', 'The signature does not fit timestamp.METHOD.path.body and the secret.')
  }
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > rules.tolerance) {
    throw new Problem('signature_expired', `X-Timestamp is more than ${rules.tolerance} s away from the clock here. Check both clocks.`)
  }
  if (c.req.method === 'GET' || c.req.method === 'HEAD') return
  if (redis.status !== 'ready') throw queueUnavailable()
  const key = `${KEY_PREFIX}:seen:${signature.toString('hex')}`
  const first = await beforeDeadline(c, redis.set(key, '1', 'EX', 2 * rules.tolerance + 1, 'NX'))
  if (first === null) throw new Problem('signature_replayed', 'This signature has been used before. Sign again with a new timestamp.')
}

/** Takes as long for a key that is not known as for one that is. */
function matches(secrets: string[], message: string | Uint8Array, signature: Buffer): boolean {
  return signedByAny(secrets.length > 0 ? secrets : ['no key'], message, signature) && secrets.length > 0
}
