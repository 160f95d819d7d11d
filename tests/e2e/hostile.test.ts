import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hmac } from '../../lab/client.ts'
import { sendHostile } from '../../lab/hostile.ts'
import type { Random } from '../../lab/random.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const [stack, scoped, quiet] = await Promise.all(
  ['hostile', 'scoped', 'quiet'].map((name) => world.addStack(name, webFile('127.0.0.1:1/never-pulled'))),
)
if (!stack || !scoped || !quiet) throw new Error('no stacks')
await world.start('worker', { REDIS_URL: redis.url })
const password = 'a-password-for-the-board'
const keySecret = 'a-secret-of-the-scoped-key'
const keysFile = join(world.root, '.keys.yaml')
writeFileSync(keysFile, `keys:\n  - {id: scoped, secret: ${keySecret}, stacks: ["scoped-*"], actions: [deploy, read]}\n`)
const settings = { REDIS_URL: redis.url, MAX_BODY_BYTES: '4096', DASHBOARD_PASSWORD: password, METRICS_TOKEN: 'a-token-for-metrics' }
const api = await world.start('api', { ...settings, DEPLOY_KEYS_FILE: keysFile, LOG_LEVEL: 'error' })
const port = Number(new URL(api.client.url).port)
await until('readiness', async () => (await api.client.raw('GET', '/ready')).status === 200)
const hidden = [world.secret, password, settings.METRICS_TOKEN, keySecret]
/** Requests of the long form: `HOSTILE=200000`. */
const COUNT = Number(process.env['HOSTILE'] ?? 50_000)

/** A job that stays: its stack is none of those that are deployed. */
const kept = (await api.client.plain('POST', `/deploy/${quiet.name}?wait=1`, quiet.name)).body.job_id as string
const board = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`

const STACKS = [stack.name, stack.name, stack.name, scoped.name, 'no-such-stack', '..', '%2e%2e%2f', '__proto__', 'a'.repeat(200)]
const ODD_STACKS = ['constructor', 'x%00y', '%c3%a9', `${stack.name}@x`, '%', '-', ' ']
const IDS = [kept, kept, kept, '0199aaaa-0000-7000-8000-000000000000', 'x', '..%2f', kept.toUpperCase(), '__proto__', '%00']
const QUERIES = [
  '',
  '',
  '',
  'wait=x',
  'timeout=1e9',
  'limit=0',
  '__proto__=1',
  'wait=0&wait=1',
  '%',
  'host[]=1',
  'wait=1&timeout=0',
  'limit=3',
]
const MORE_QUERIES = [
  'host=nowhere',
  'host=..',
  'key=x',
  'key=scoped',
  'state=queued',
  'state=',
  'stack=..',
  'stack=%00',
  'wait=1&timeout=0.001',
]
const BODIES = [
  '',
  '{}',
  '{"stack":7}',
  '{"stack":"..","__proto__":{"a":1}}',
  '[',
  'null',
  '"x"',
  '[]',
  '{"stack":"\\u0000"}',
  '\xff\xfe',
  '{"a":'.repeat(300),
  '['.repeat(4000),
  '{"to":-1}',
  '{"to":1e99}',
  '{"to":1}',
  '{"host":{"$gt":""}}',
  `{"expect":{"web":"sha256:${'0'.repeat(64)}"}}`,
  '{"expect":{"__proto__":"x"}}',
  `{"expect":${JSON.stringify(Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`s${index}`, `sha256:${'a'.repeat(64)}`])))}}`,
  `{"stack":"${stack.name}"}`,
  'x'.repeat(4100),
]
const NOWHERE = ['/nowhere', '/%00', '/%', '/\\..', '//x//', '/deploy/a/b', '/jobs/x/y', '/dashboard/../metrics', '/docs/x']
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const

/** A route, its method, and the message of a plain signature for it. */
function route(random: Random): [method: string, path: string, subject: string] {
  const name = random.pick(random.chance(0.9) ? STACKS : ODD_STACKS)
  const id = random.pick(IDS)
  const queue = encodeURIComponent(`${random.pick(STACKS)}@${world.settings['WORKER_NAME']}`)
  return random.pick<[string, string, string]>([
    ['POST', `/deploy/${name}`, name],
    ['POST', `/deploy/${name}`, name],
    ['POST', '/deploy', ''],
    ['POST', '/deploy', ''],
    ['GET', '/jobs', 'jobs'],
    ['GET', `/jobs/${id}`, id],
    ['GET', `/jobs/${id}`, id],
    ['GET', `/jobs/${id}/events`, id],
    ['HEAD', `/jobs/${id}/events`, id],
    ['DELETE', `/jobs/${id}`, id],
    ['GET', '/stacks', 'stacks'],
    ['POST', `/stacks/${name}/rollback`, name],
    ['POST', `/stacks/${name}/plan`, name],
    ['GET', `/stacks/${name}/releases`, name],
    ['GET', '/dashboard/api/queues', ''],
    ['GET', `/dashboard/api/queues/${queue}/${id}`, ''],
    ['PUT', `/dashboard/api/queues/${queue}/${id}/${random.pick(['retry', 'promote', 'clean', 'update-data'])}`, ''],
    ['GET', '/metrics', ''],
    [random.pick(['GET', 'POST']), '/health', ''],
    ['GET', random.pick(['/ready', '/openapi.json', '/docs', '/dashboard']), ''],
  ])
}

/** Well-formed HTTP with nonsense in it. Most of it names a route with its method, and most of that comes past the gates. */
function odd(random: Random): Buffer {
  const isRoute = random.chance(0.85)
  const [ownMethod, ownPath, subject] = route(random)
  const method = isRoute ? ownMethod : random.pick(METHODS)
  const chosen = [random.pick(random.chance(0.6) ? QUERIES : MORE_QUERIES), `n=${random.below(2 ** 31)}`].filter(Boolean).join('&')
  const path = `${isRoute || random.chance(0.5) ? ownPath : random.pick(NOWHERE)}?${chosen}`
  const body =
    method === 'POST' || method === 'PUT'
      ? Buffer.from(random.chance(0.4) ? random.pick(['', '{}']) : random.pick(BODIES), 'latin1')
      : Buffer.alloc(0)
  const headers = [
    `Host: ${random.pick(['localhost', 'x', '127.0.0.1:1', 'a.example'])}`,
    ...(body.length > 0 || method === 'POST' ? [`Content-Length: ${body.length}`] : []),
    ...(path.startsWith('/dashboard') || path.startsWith('/metrics') ? login(random, path) : proof(random, method, path, subject, body)),
    ...(random.chance(0.1) ? [`X-Forwarded-For: ${random.pick(['1.1.1.1', ',,,', 'x', '::1, ::2', 'é'])}`] : []),
    ...(random.chance(0.2) ? [`Idempotency-Key: ${random.pick(['', 'x', 'z', `${random.below(50)}`, 'y'.repeat(300)])}`] : []),
    ...(random.chance(0.1) ? [`Last-Event-ID: ${random.pick(['x', '0-0', '9'.repeat(30), '1-1', '-'])}`] : []),
    ...(random.chance(0.1) ? [`X-Request-Id: ${random.pick(['a', '<script>', 'x'.repeat(500)])}`] : []),
    ...(random.chance(0.1) ? [`traceparent: ${random.pick(['x', '00-0-0-0'])}`] : []),
    ...(random.chance(0.1) ? [`X-GitHub-Event: ${random.pick(['ping', 'push', 'x', ''])}`] : []),
  ]
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`, 'latin1'), body])
}

/** Three of four prove who they are, with one of all that do. */
function proof(random: Random, method: string, path: string, subject: string, body: Buffer): string[] {
  const timestamp = String(Math.floor(Date.now() / 1000) - random.below(random.chance(0.95) ? 290 : 2 ** 31))
  const timed = (secret: string) => [
    `X-Timestamp: ${timestamp}`,
    `X-Signature: ${hmac(secret, Buffer.concat([Buffer.from(`${timestamp}.${method}.${path}.`, 'latin1'), body]))}`,
  ]
  const plain = (secret: string) => hmac(secret, body.length > 0 ? body : Buffer.from(subject, 'latin1'))
  const chance = random.below(100)
  if (chance < 50) return timed(world.secret)
  if (chance < 62) return [`X-Signature: ${plain(world.secret)}`]
  if (chance < 72) return [...timed(keySecret), 'X-Key-Id: scoped']
  if (chance < 77) return [`X-Hub-Signature-256: sha256=${plain(random.pick([keySecret, world.secret]))}`]
  if (chance < 79) return [`X-Gitlab-Token: ${random.pick([keySecret, 'x', ''])}`, 'X-Gitlab-Event: Push Hook']
  if (chance < 84)
    return [`Authorization: ${random.pick(['Bearer x.y.z', 'Bearer', 'Basic Og==', 'Basic !!', 'Digest', `Bearer ${'e30.'.repeat(3)}`])}`]
  if (chance < 88) return [...timed(world.secret), `X-Key-Id: ${random.pick(['x', '', '__proto__', 'default', 'é'.repeat(50)])}`]
  if (chance < 94)
    return [`X-Signature: ${random.pick(['', 'x', '0'.repeat(64), 'sha256=', 'é'])}`, ...(random.chance(0.5) ? ['X-Timestamp: 1e5'] : [])]
  return []
}

/** Three of four are right. */
function login(random: Random, path: string): string[] {
  const right = path.startsWith('/metrics') ? `Bearer ${settings.METRICS_TOKEN}` : board
  return random.chance(0.97)
    ? [
        `Authorization: ${random.chance(0.77) ? right : random.pick(['Basic Og==', 'Basic !!', 'Bearer x', 'Basic YWRtaW46eA==', 'Digest'])}`,
      ]
    : []
}

/** What is no HTTP, or not quite. It ends the connection, so that each costs one. */
function malformed(random: Random): Buffer {
  const bytes = Buffer.from(Array.from({ length: 1 + random.below(60) }, () => random.below(256)))
  const text = random.pick([
    'GET / HTTP/9.9\r\n\r\n',
    'GET /\r\n\r\n',
    'POST /deploy HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    'POST /deploy HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST /deploy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n',
    'POST /deploy HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n',
    `GET /${'a'.repeat(3000)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
    'GET / HTTP/1.1\r\nConnection: close\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n',
    'GET http:// HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  ])
  return random.chance(0.3) ? Buffer.concat([bytes, Buffer.from('\r\n\r\n')]) : Buffer.from(text, 'latin1')
}

const residentMegabytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${api.process.pid}/status`, 'utf8'))?.[1]) / 1024

describe('hostile input', () => {
  it(
    'of tens of thousands of requests, most of them past the router, meets no 5xx, no crash, no growing memory, and no secret comes back',
    async () => {
      // Once to fill what is filled once: caches, pools, compiled code.
      await sendHostile(port, 0.1 * COUNT, 16, odd, hidden)
      const before = residentMegabytes()
      const wellFormed = await sendHostile(port, 0.82 * COUNT, 16, odd, hidden)
      const broken = await sendHostile(port, 0.08 * COUNT, 16, malformed, hidden)
      const after = residentMegabytes()
      const sent = Math.round(0.1 * COUNT) + wellFormed.sent + broken.sent
      const share = (...codes: string[]) => codes.reduce((sum, code) => sum + (wellFormed.codes[code] ?? 0), 0) / wellFormed.sent
      const pastRouter = 1 - share('not_found', 'method_not_allowed', 'path_too_long')
      const unproven = ['signature_missing', 'signature_invalid', 'signature_expired', 'signature_replayed', 'token_invalid']
      const pastGates = pastRouter - share(...unproven, 'login_missing', 'login_invalid', 'body_too_large', 'body_not_allowed')
      const percent = (part: number) => `${(100 * part).toFixed(0)} %`
      process.stdout.write(
        `hostile input: ${sent} requests; well-formed ${wellFormed.sent}, past the router ${percent(pastRouter)}, past the gates ${percent(pastGates)}: ` +
          `${JSON.stringify(wellFormed.statuses)} ${JSON.stringify(wellFormed.codes)}; malformed ${JSON.stringify(broken.statuses)}, ` +
          `closed ${broken.closed}; memory ${before.toFixed(0)} MB before, ${after.toFixed(0)} MB after\n`,
      )
      expect(sent).toBeGreaterThanOrEqual(COUNT)
      for (const run of [wellFormed, broken]) {
        expect(Object.keys(run.statuses).filter((status) => Number(status) >= 500)).toEqual([])
        expect([run.leaks, run.hung]).toEqual([[], 0])
      }
      expect(pastRouter).toBeGreaterThan(0.8)
      expect(pastGates).toBeGreaterThan(0.5)
      // Each of what a handler can say was said.
      for (const status of [200, 202, 400, 403, 404, 409, 422]) expect(wellFormed.statuses[status], String(status)).toBeGreaterThan(0)
      expect(wellFormed.closed).toBe(0)
      expect(after - before).toBeLessThan(80)
      expect(api.process.exitCode).toBeNull()
      for (const secret of hidden) expect(api.output()).not.toContain(secret)
      expect((await api.client.raw('GET', '/health')).status).toBe(200)
    },
    Math.max(240_000, 10 * COUNT),
  )

  it('that trickles in is cut off, and nobody else waits for it', async () => {
    const slow = Array.from({ length: 200 }, () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined)
      let answer = ''
      socket.on('data', (chunk) => (answer += chunk.toString()))
      socket.write('POST /deploy HTTP/1.1\r\nHost: x\r\nX-Slow: ')
      const timer = setInterval(() => socket.write('a'), 500)
      socket.on('close', () => clearInterval(timer))
      return { socket, answer: () => answer }
    })
    const answered = await Promise.all(Array.from({ length: 50 }, () => api.client.plain('GET', '/stacks', 'stacks')))
    expect(answered.every(({ status }) => status === 200)).toBe(true)
    expect(slow.filter(({ socket }) => !socket.destroyed)).toHaveLength(200)
    await until('all slow connections to be ended', () => slow.every(({ socket }) => socket.closed), 60)
    expect(slow[0]?.answer()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n.*"code":"request_timeout"/s)
  })

  it('of silent connections is let go: those that never close their side too, and the oldest first where there are too many', async () => {
    const descriptors = () => readdirSync(`/proc/${api.process.pid}/fd`).length
    const before = descriptors()
    const silent = Array.from({ length: 600 }, () => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      socket.on('error', () => undefined)
      return socket
    })
    await until('the connections to be taken', () => silent.every(({ connecting }) => !connecting))
    const answered = await Promise.all(Array.from({ length: 50 }, () => api.client.plain('GET', '/stacks', 'stacks')))
    expect(answered.every(({ status }) => status === 200)).toBe(true)
    await until('most of them to be let go', () => descriptors() - before < 350, 5)
    await until('all of them to be let go', () => descriptors() - before < 60, 40)
    for (const socket of silent) socket.destroy()
  })

  it('of paths, headers and bodies beyond their limits is refused', async () => {
    const refused = async (path: string, headers: Record<string, string> = {}) => {
      const answer = await api.client.raw('GET', path, headers)
      return [answer.status, answer.body?.code]
    }
    expect(await refused(`/jobs?stack=${'a'.repeat(2100)}`)).toEqual([414, 'path_too_long'])
    expect(await refused('/jobs', { 'X-Long': 'a'.repeat(17_000) })).toEqual([431, 'invalid_request'])
  })
})

describe('failed signatures', () => {
  const wrong = '0'.repeat(64)
  const right = hmac(world.secret, 'stacks')

  it('have a slow budget of their own, over all API processes; who has spent it is slowed, and a valid signature passes all the same', async () => {
    const limited = { ...settings, RATE_LIMIT_PER_MIN: '10', READ_RATE_LIMIT_PER_MIN: '0', TRUSTED_PROXIES: '127.0.0.1' }
    const apis = await Promise.all([world.start('api', limited), world.start('api', limited)])
    const from = (address: string, index: number, signature: string) =>
      apis[index % 2]?.client.raw('GET', '/stacks', { 'X-Forwarded-For': address, 'X-Signature': signature })
    const statuses: (number | undefined)[] = []
    for (let index = 0; index < 30; index++) statuses.push((await from('203.0.113.9', index, wrong))?.status)
    expect(new Set(statuses)).toEqual(new Set([401]))
    for (const index of [0, 1]) {
      const slowed = await from('203.0.113.9', index, wrong)
      expect([slowed?.status, slowed?.body.code]).toEqual([429, 'rate_limited'])
      expect(Number(slowed?.headers.get('retry-after'))).toBeGreaterThan(60)
      expect((await from('203.0.113.9', index, right))?.status).toBe(200)
    }
    expect((await from('203.0.113.10', 0, wrong))?.status).toBe(401)
  })

  it('of anybody at the same address keep no signed deploy out', async () => {
    const { client } = await world.start('api', { ...settings, RATE_LIMIT_PER_MIN: '10', READ_RATE_LIMIT_PER_MIN: '20' })
    const statuses = new Map<number, number>()
    for (let index = 0; index < 40; index++) {
      const { status } = await client.raw('POST', `/deploy/${stack.name}`, index % 2 ? {} : { 'X-Signature': wrong })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      await client.raw('GET', '/jobs')
    }
    expect(Object.fromEntries(statuses)).toEqual({ 401: 10, 429: 30 })
    expect((await client.timed('POST', `/deploy/${stack.name}`)).status).toBe(202)
    expect((await client.plain('POST', '/deploy', '', { stack: stack.name })).status).toBe(202)
    expect((await client.plain('GET', '/jobs', 'jobs')).status).toBe(200)
    // Nor do its own wrong ones make up for it.
    expect((await client.raw('POST', '/deploy', { 'X-Signature': wrong })).status).toBe(429)
  })
})

describe('the headers of every answer', () => {
  it.each(['/health', '/stacks', '/nowhere', '/docs', '/dashboard'])('%s', async (path) => {
    const { headers } = await api.client.raw('GET', path)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('referrer-policy')).toBeTruthy()
    expect(headers.get('x-powered-by')).toBeNull()
    expect(headers.get('server')).toBeNull()
  })
})
