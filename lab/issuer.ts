import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose'

/** An OpenID Connect issuer on the loopback address. */
export interface LabIssuer {
  url: string
  /** How often its keys were asked for. */
  keyRequests(): number
  /** Signs with its present key, or as told. */
  token(claims: JWTPayload, how?: { alg?: string; kid?: string; key?: CryptoKey | Uint8Array }): Promise<string>
  /** Replaces its key by a new one. */
  rotate(): Promise<void>
  /** Its public key as PEM, which everybody can have. */
  publicPem(): Promise<string>
  /** Answers nothing but errors from now on, or no longer. */
  fail(on: boolean): void
  stop(): Promise<void>
}

/** @param named What its discovery document says of its name, where that is not its own. */
export async function startIssuer(named?: string): Promise<LabIssuer> {
  let number = 0
  let keyRequests = 0
  let failing = false
  let pair = await generateKeyPair('RS256', { extractable: true })
  const kid = () => `key-${number}`
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'Content-Type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    if (failing) return answer(500, {})
    if (request.url === '/.well-known/openid-configuration') return answer(200, { issuer: named ?? url, jwks_uri: `${url}/keys` })
    if (request.url !== '/keys') return answer(404, {})
    keyRequests++
    void exportJWK(pair.publicKey).then((jwk) => answer(200, { keys: [{ ...jwk, kid: kid(), alg: 'RS256', use: 'sig' }] }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    keyRequests: () => keyRequests,
    token(claims, { alg = 'RS256', kid: named = kid(), key = pair.privateKey } = {}) {
      const now = Math.floor(Date.now() / 1000)
      const payload = { iss: url, iat: now, nbf: now, exp: now + 300, ...claims }
      return new SignJWT(payload).setProtectedHeader({ alg, kid: named }).sign(key)
    },
    async rotate() {
      number++
      pair = await generateKeyPair('RS256', { extractable: true })
    },
    publicPem: () => exportSPKI(pair.publicKey),
    fail: (on) => (failing = on),
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
