import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hmac } from '../../lab/client.ts'
import { sendHostile } from '../../lab/hostile.ts'
import { malformedRequest } from '../../lab/malformed-request.ts'
import { createOddRequest } from '../../lab/odd-request.ts'
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
const COUNT = Number(process.env['HOSTILE'] ?? 4000)

/** A job that stays: its stack is none of those that are deployed. */
const kept = (await api.client.plain('POST', `/deploy/${quiet.name}?wait=1`, quiet.name)).body.job_id as string
const board = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`

const odd = createOddRequest({
  secret: world.secret,
  keySecret,
  board,
  metricsToken: settings.METRICS_TOKEN,
  host: world.settings['WORKER_NAME'] ?? '',
  stack: stack.name,
  scoped: scoped.name,
  job: kept,
})

const residentMegabytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${api.process.pid}/status`, 'utf8'))?.[1]) / 1024

describe('hostile input', () => {
  it(
    'of tens of thousands of requests, most of them past the router, meets no 5xx, no crash, no growing memory, and no secret comes back',
    async () => {
      // Once to fill what is filled once: caches, pools, compiled code.
      await sendHostile(port, 0.1 * COUNT, 16, odd, hidden)
      const before = residentMegabytes()
      const wellFormed = await sendHostile(port, 0.82 * COUNT, 16, odd, hidden)
      const broken = await sendHostile(port, 0.08 * COUNT, 16, malformedRequest, hidden)
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
