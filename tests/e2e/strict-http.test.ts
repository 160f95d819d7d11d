import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { hmac } from '../../lab/client.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const stack = await world.addStack('strict', webFile('127.0.0.1:1/never-pulled'))
await world.start('worker', { REDIS_URL: redis.url })
const { client } = await world.start('api', { REDIS_URL: redis.url, DASHBOARD_PASSWORD: 'hunter22' })
await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)
const port = Number(new URL(client.url).port)

/** What a raw request is answered with. */
async function exchange(request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk.toString()))
  socket.on('error', () => undefined)
  socket.end(request)
  await once(socket, 'close')
  return answer
}

describe('an answer, to a client that reads HTTP strictly,', () => {
  it.each([
    ['GET', '/jobs', {}],
    ['POST', '/deploy', { 'X-Signature': '0'.repeat(64) }],
    ['POST', '/deploy/x', { Authorization: 'Bearer a.b.c' }],
  ])('names the ways to prove oneself: %s %s', async (method, path, headers) => {
    const answer = await client.raw(method, path, headers)
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toMatch(/HMAC-SHA256.*Bearer/)
    // A browser would ask for a password.
    expect(answer.headers.get('www-authenticate')).not.toContain('Basic')
  })

  it.each([
    ['GET', '/deploy', 'POST'],
    ['PUT', `/deploy/${stack.name}`, 'POST'],
    ['POST', '/jobs', 'GET, HEAD'],
    ['POST', '/jobs/x', 'GET, HEAD, DELETE'],
    ['DELETE', '/stacks', 'GET, HEAD'],
    ['DELETE', '/health', 'GET, HEAD, POST'],
    ['OPTIONS', '/openapi.json', 'GET, HEAD'],
    ['GET', `/stacks/${stack.name}/rollback`, 'POST'],
  ])('says which methods there are: %s %s', async (method, path, allow) => {
    const answer = await client.raw(method, path)
    expect([answer.status, answer.body.code]).toEqual([405, 'method_not_allowed'])
    expect(answer.headers.get('allow')).toBe(allow)
  })

  it('says that there is nothing, whatever the method', async () => {
    for (const [method, path] of [
      ['POST', '/nowhere'],
      ['GET', '/jobs/x/y'],
      ['DELETE', '/stacks/x/y/z'],
      ['POST', '/metrics'],
    ] as const) {
      expect((await client.raw(method, path)).body.code, path).toBe('not_found')
    }
  })

  it('has the common headers also where it was no request', async () => {
    for (const request of ['nonsense\r\n\r\n', 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n']) {
      const answer = await exchange(request)
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      for (const header of [
        /x-request-id: [0-9a-f-]{36}\r\n/i,
        /x-content-type-options: nosniff/i,
        /cache-control: no-store/i,
        /content-security-policy: /i,
      ]) {
        expect(answer).toMatch(header)
      }
    }
  })

  it('leads from /dashboard/ to the dashboard', async () => {
    const login = { Authorization: `Basic ${Buffer.from('admin:hunter22').toString('base64')}` }
    expect((await client.raw('GET', '/dashboard/')).status).toBe(401)
    const page = await client.raw('GET', '/dashboard/', login)
    expect([page.status, page.text]).toEqual([200, expect.stringContaining('Deployer')])
  })
})

describe('503', () => {
  it('says that nothing is known of a deploy when Redis hangs in the middle of it', async () => {
    const path = `/deploy/${stack.name}`
    const pid = Number(/process_id:(\d+)/.exec(await redis.cli('info', 'server'))?.[1])
    process.kill(pid, 'SIGSTOP')
    const begun = Date.now()
    const answer = await client
      .plain('POST', path, stack.name, undefined, { 'Idempotency-Key': 'hung' })
      .finally(() => process.kill(pid, 'SIGCONT'))
    expect([answer.status, answer.body.code]).toEqual([503, 'queue_unavailable'])
    expect(answer.headers.get('retry-after')).toBeTruthy()
    expect(answer.body.detail).toContain('not known')
    expect(answer.body.detail).not.toContain('Nothing was accepted')
    expect(Date.now() - begun).toBeLessThan(20_000)
    // The same key joins what may have been made.
    const again = () => client.raw('POST', path, { 'X-Signature': hmac(world.secret, stack.name), 'Idempotency-Key': 'hung' })
    let first: Awaited<ReturnType<typeof again>> | undefined
    await until('Redis', async () => (first = await again()).status === 202, 30)
    expect((await again()).body.job_id).toBe(first?.body.job_id)
  })
})
