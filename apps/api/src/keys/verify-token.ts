import { createRemoteJWKSet, customFetch, decodeJwt, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import { Problem, PROBLEMS } from '../problem.ts'
import { createCaller, type Caller } from './caller.ts'
import { matchesGlob } from './glob.ts'
import type { TokenIssuer } from './keys-file.ts'

/** Tokens are signed with a key pair: with a shared secret the issuer's public key would do to make one (RFC 8725, section 2.1). */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** Events of GitHub that nobody without write access to the repository can bring about. */
const OWN_EVENTS = new Set(['push', 'workflow_dispatch', 'schedule', 'release', 'repository_dispatch', 'deployment', 'registry_package'])
/** An issuer is asked for its keys at most so often a minute, however many tokens with unknown keys come in. */
const MOST_FETCHES = 10
const MINUTE = 60_000
/** Milliseconds that an issuer may take. */
const PATIENCE = 3000
/** Milliseconds after which an issuer's keys are asked for again although all are known. */
const KEYS_LIFETIME = 600_000

/** The issuer has been asked too often. */
class FetchBudgetSpent extends Error {}

/** Verifies tokens; remembers the issuers' keys. */
export interface TokenVerifier {
  /**
   * @param believed The issuers that are believed now.
   * @throws {Problem} `token_invalid`, or `issuer_unavailable` when its keys cannot be had.
   */
  verify(token: string, believed: () => TokenIssuer[]): Promise<Caller>
}

export function createTokenVerifier(): TokenVerifier {
  const keySets = new Map<string, JWTVerifyGetKey>()

  /** The keys of an issuer, asked for once and shared by all who verify. */
  function keysOf(issuer: TokenIssuer): JWTVerifyGetKey {
    const id = `${issuer.issuer} ${issuer.jwks_uri ?? ''}`
    const known = keySets.get(id)
    if (known) return known
    const made = fetchKeysOf(issuer)
    keySets.set(id, made)
    return made
  }

  return {
    async verify(token, believed) {
      const { iss } = readUnverified(token)
      const candidates = believed().filter(({ issuer }) => issuer === iss)
      if (candidates.length === 0) throw invalid('Its issuer is not one that is believed here.')
      let reason: unknown
      for (const issuer of candidates) {
        try {
          const { issuer: expected, audience } = issuer
          const options = { issuer: expected, audience, algorithms: ALGORITHMS, requiredClaims: ['exp'] }
          const { payload } = await jwtVerify(token, keysOf(issuer), options)
          return callerOf(payload, issuer, () => believed().includes(issuer))
        } catch (error) {
          reason = error
        }
      }
      throw toProblem(reason)
    },
  }
}

function readUnverified(token: string): JWTPayload {
  try {
    return decodeJwt(token)
  } catch {
    throw invalid('It is not a JSON Web Token.')
  }
}

/** The keys behind `jwks_uri`, or where the issuer's discovery document says (OpenID Connect Discovery 1.0, section 4). */
function fetchKeysOf(issuer: TokenIssuer): JWTVerifyGetKey {
  const fetches: number[] = []
  const budgetedFetch: typeof fetch = async (url, init) => {
    const now = Date.now()
    while ((fetches[0] ?? now) < now - MINUTE) fetches.shift()
    if (fetches.length >= MOST_FETCHES) throw new FetchBudgetSpent('the issuer was asked for its keys too often')
    fetches.push(now)
    return fetch(url, init)
  }
  let keySet: Promise<ReturnType<typeof createRemoteJWKSet>> | undefined
  const open = async () => {
    const url = issuer.jwks_uri ?? (await discover(issuer.issuer, budgetedFetch))
    // No pause between two fetches for unknown keys: a key that was rotated a moment ago counts at once. The budget is the limit.
    return createRemoteJWKSet(new URL(url), {
      cooldownDuration: 0,
      cacheMaxAge: KEYS_LIFETIME,
      timeoutDuration: PATIENCE,
      [customFetch]: (url, options) => budgetedFetch(url, options),
    })
  }
  return async (header, token) => {
    keySet ??= open().catch((error: unknown) => {
      keySet = undefined
      throw error
    })
    const set = await keySet
    try {
      return await set(header, token)
    } catch (error) {
      // With keys at hand, a token whose key is not among them is a bad token.
      if (error instanceof FetchBudgetSpent && set.jwks()) throw new errors.JWKSNoMatchingKey()
      throw error
    }
  }
}

async function discover(issuer: string, fetchLimited: typeof fetch): Promise<string> {
  const answer = await fetchLimited(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    signal: AbortSignal.timeout(PATIENCE),
    redirect: 'error',
  })
  if (!answer.ok) throw new Error(`the discovery document answered ${answer.status}`)
  const { issuer: claimed, jwks_uri: uri } = (await answer.json()) as { issuer?: unknown; jwks_uri?: unknown }
  if (claimed !== issuer) throw new Error('the discovery document is that of another issuer')
  if (typeof uri !== 'string' || !/^https?:$/.test(URL.parse(uri)?.protocol ?? ''))
    throw new Error('the discovery document has no jwks_uri')
  return uri
}

/** What the rules that the token fits allow. */
function callerOf(payload: JWTPayload, issuer: TokenIssuer, isBelieved: () => boolean): Caller {
  const rules = issuer.rules.filter(
    ({ claims }) => fitsEvent(payload, claims) && Object.entries(claims).every(([name, glob]) => fits(payload[name], glob)),
  )
  if (rules.length === 0) throw invalid('No rule of the keys file fits its claims.')
  const subject = `${URL.parse(issuer.issuer)?.host ?? ''}:${payload.sub ?? ''}`
  return createCaller(`oidc:${subject}`.slice(0, 256), rules, () => Date.now() < Number(payload.exp) * 1000 && isBelieved())
}

/**
 * A workflow that others can bring about (`pull_request_target`, `issue_comment`) has a token of the main branch, too. So a rule that names
 * no event holds for those that only people with write access make. Issuers without events have no such claim.
 */
function fitsEvent({ event_name: event }: JWTPayload, claims: Record<string, string>): boolean {
  return event === undefined || 'event_name' in claims || (typeof event === 'string' && OWN_EVENTS.has(event))
}

function fits(value: unknown, glob: string): boolean {
  if (Array.isArray(value)) return value.some((one) => fits(one, glob))
  return ['string', 'number', 'boolean'].includes(typeof value) && matchesGlob(glob, String(value))
}

/** Everything that is the token's own fault is 401; what is the issuer's, 503. */
function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  const code = error instanceof errors.JOSEError ? error.code : ''
  if (code && !ISSUER_FAULTS.has(code)) return invalid(TOKEN_FAULTS[code] ?? 'It does not verify.')
  const problem = new Problem('issuer_unavailable', `${PROBLEMS.issuer_unavailable[1]}. Nothing was accepted: try again.`, {
    'Retry-After': '10',
  })
  problem.cause = error
  return problem
}

/** Its keys come too late, not at all, or are none. */
const ISSUER_FAULTS = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID'])

const TOKEN_FAULTS: Record<string, string> = {
  ERR_JWT_EXPIRED: 'It has expired.',
  ERR_JWT_CLAIM_VALIDATION_FAILED: 'Its audience or its times do not hold.',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'Its signature does not hold.',
  ERR_JOSE_ALG_NOT_ALLOWED: 'Its algorithm is not allowed: tokens are signed with a key pair.',
  ERR_JWKS_NO_MATCHING_KEY: 'Its key is not one of its issuer.',
}

function invalid(detail: string): Problem {
  return new Problem('token_invalid', `The token is not accepted. ${detail}`)
}
