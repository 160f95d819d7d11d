import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { sign } from '@deployer/shared/signature'
import { sendAnswer } from '../answer.ts'
import type { AppEnv } from '../app-env.ts'
import { createTokenVerifier } from '../keys/verify-token.ts'
import { problemAnswer, type Problem } from '../problem.ts'
import { createAuthenticate } from './authenticate.ts'
import { createClientAddress, nameClient } from './client-address.ts'
import { createLimits } from './limits.ts'
import { requestId } from './request-id.ts'

const SECRET = 'the-secret-of-the-test'
/** It never connects, so that the limits are counted here. */
const away = new Redis({ lazyConnect: true })

/** A server with one route behind the gate. @returns What it says to a request with such headers. */
async function startGate(secrets: string[], writes = 0) {
  const limits = createLimits(away, writes, 0)
  const authenticate = createAuthenticate(away, {
    secrets,
    ring: { current: () => ({ keys: [], hooks: [], issuers: [], files: [] }), stop: () => undefined },
    tokens: createTokenVerifier(),
    rules: { tolerance: 300, requireTimestamp: false },
    limits,
    maxBodyBytes: 1_000_000,
    onProof: () => undefined,
  })
  const app = new Hono<AppEnv>()
    .use(requestId, nameClient(createClientAddress([], 'X-Forwarded-For', () => undefined)))
    .post(
      '/deploy/:stack',
      authenticate((c) => c.req.param('stack') ?? '', true),
      (c) => c.json({ code: c.get('caller').key }),
    )
    .onError((error, c) => sendAnswer(c, problemAnswer(error as Problem)))
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }) as Server
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/deploy/media`
  return async (headers: Record<string, string>, body?: string) => {
    const answer = await fetch(url, { method: 'POST', headers: { connection: 'close', ...headers }, ...(body ? { body } : {}) })
    return ((await answer.json()) as { code: string }).code
  }
}

describe('where there is no secret at all', () => {
  it.each(['no key', '', 'undefined'])('nobody is let in, whatever he proves: with %j', async (secret) => {
    const send = await startGate([])
    for (const headers of [
      { 'X-Gitlab-Token': secret },
      { 'X-Gitlab-Token': secret, 'X-Gitlab-Event': 'Push Hook' },
      { 'X-Signature': sign(secret, 'media') },
      { 'X-Hub-Signature-256': `sha256=${sign(secret, 'media')}` },
      { 'X-Signature': sign(secret, 'media'), 'X-Key-Id': 'no key' },
      { 'X-Gitlab-Token': secret, 'X-Key-Id': 'no key' },
    ]) {
      expect(await send(headers), JSON.stringify(headers)).toBe('signature_invalid')
    }
  })
})

describe('proof that fails', () => {
  const wrong = '0'.repeat(64)
  it.each([
    ['a token', { Authorization: 'Bearer nonsense' }, 'token_invalid'],
    ['a signature', { 'X-Signature': wrong }, 'signature_invalid'],
    ['an old signature', { 'X-Signature': sign(SECRET, '1.POST./deploy/media.'), 'X-Timestamp': '1' }, 'signature_expired'],
    ['the token of a code host', { 'X-Gitlab-Token': 'wrong' }, 'signature_invalid'],
    ['the signature of a code host', { 'X-Hub-Signature-256': wrong, 'X-GitHub-Event': 'push' }, 'signature_invalid'],
  ])('counts against its address, and slows nobody who proves who he is: %s', async (_, headers, code) => {
    const send = await startGate([SECRET], 3)
    const codes = []
    for (let index = 0; index < 4; index++) codes.push(await send(headers))
    expect(codes).toEqual([code, code, code, 'rate_limited'])
    expect(await send({ 'X-Signature': sign(SECRET, 'media') })).toBe('default')
  })
})
