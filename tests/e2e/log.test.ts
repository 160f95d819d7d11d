import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const stack = await world.addStack('log', webFile('127.0.0.1:1/never-pulled'))
const broken = await world.addStack('broken', () => 'services: nonsense\n')
const worker = await world.start('worker', { REDIS_URL: redis.url })
const password = 'a-password-for-the-board'
const token = 'a-token-for-metrics'
const settings = { REDIS_URL: redis.url, TRUSTED_PROXIES: '127.0.0.1', DASHBOARD_PASSWORD: password, METRICS_TOKEN: token }

type Line = Record<string, any>
const refusals = (lines: Line[]) => lines.filter(({ event }) => event === 'request_refused')
const sums = (lines: Line[]) => lines.filter(({ event }) => event === 'requests_refused')
const total = (lines: Line[]) => refusals(lines).length + sums(lines).reduce((sum, { count }) => sum + count, 0)

describe('the log of the API', () => {
  it('survives an attacker: what it refuses is told by samples of each address, and summed', async () => {
    const api = await world.start('api', settings)
    const send = (client: string, headers = {}) => api.client.raw('POST', '/deploy', { 'X-Forwarded-For': client, ...headers })
    for (let sent = 0; sent < 2000; sent += 50) {
      const wrong = { 'X-Signature': '0'.repeat(64) }
      await Promise.all(Array.from({ length: 50 }, (_, index) => send('203.0.113.1', index % 2 ? wrong : {})))
    }
    // Its neighbour in the same /64 is the same, and another address has samples of its own.
    for (const client of ['2001:db8::1', '2001:db8::2']) for (let index = 0; index < 10; index++) await send(client)
    await api.stop()
    const lines = api.logLines()
    expect(total(lines)).toBe(2020)
    // A minute may have ended in between.
    expect(refusals(lines).length).toBeGreaterThanOrEqual(10)
    expect(refusals(lines).length).toBeLessThanOrEqual(20)
    const sum = sums(lines).find(({ client }) => client === '203.0.113.1')
    expect(sum).toMatchObject({ level: 'warn', codes: { signature_missing: expect.any(Number), signature_invalid: expect.any(Number) } })
    expect(sums(lines).some(({ client }) => client === '2001:db8:0:0::/64')).toBe(true)
  })

  it('survives one of many addresses too', async () => {
    const api = await world.start('api', settings)
    for (let index = 0; index < 500; index++)
      await api.client.raw('POST', '/deploy', { 'X-Forwarded-For': `198.51.${index >> 8}.${index & 255}` })
    await api.stop()
    const lines = api.logLines()
    expect(total(lines)).toBe(500)
    expect(refusals(lines).length + sums(lines).length).toBeLessThan(100)
    expect(sums(lines).some(({ client }) => client === 'others')).toBe(true)
  })

  it('has failed logins of dashboard and metrics, which are counted and have a budget', async () => {
    const api = await world.start('api', { ...settings, RATE_LIMIT_PER_MIN: '10', READ_RATE_LIMIT_PER_MIN: '0' })
    const ask = (path: string, authorization: string | null, client: string) =>
      api.client.raw('GET', path, { 'X-Forwarded-For': client, ...(authorization === null ? {} : { Authorization: authorization }) })
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    const board = await ask('/dashboard', basic('admin:wrong'), '203.0.113.2')
    expect([board.status, board.body.code]).toEqual([401, 'login_invalid'])
    expect(board.headers.get('content-type')).toContain('application/problem+json')
    expect(board.headers.get('www-authenticate')).toBe('Basic realm="Deployer"')
    const bare = await ask('/dashboard', null, '203.0.113.2')
    expect([bare.status, bare.body.code, bare.headers.get('www-authenticate')]).toEqual([401, 'login_missing', 'Basic realm="Deployer"'])
    const metrics = await ask('/metrics', 'Bearer wrong', '203.0.113.3')
    expect([metrics.status, metrics.body.code, metrics.headers.get('www-authenticate')]).toEqual([401, 'token_invalid', 'Bearer'])

    const statuses = async (path: string, authorization: string, address: (index: number) => string) => {
      const list: number[] = []
      for (let index = 0; index < 31; index++) list.push((await ask(path, authorization, address(index))).status)
      return list
    }
    expect((await statuses('/metrics', 'Bearer wrong', () => '203.0.113.4')).slice(-2)).toEqual([401, 429])
    // Like a signature, the right one passes: whoever shares the address with an attacker still sees the metrics.
    expect((await ask('/metrics', `Bearer ${token}`, '203.0.113.4')).status).toBe(200)
    // A password may be short enough to be guessed: its budget shuts out, by /64.
    expect((await statuses('/dashboard', basic('admin:wrong'), (index) => `2001:db8:5:5::${index}`)).slice(-2)).toEqual([401, 401])
    const shutOut = await ask('/dashboard', basic(`admin:${password}`), '2001:db8:5:5::ffff')
    expect([shutOut.status, shutOut.body.code]).toEqual([429, 'rate_limited'])
    // For what is left of ten minutes.
    expect(Number(shutOut.headers.get('retry-after'))).toBeGreaterThan(60)
    expect((await ask('/dashboard', basic(`admin:${password}`), '2001:db8:5:6::1')).status).toBe(200)

    const text = (await ask('/metrics', `Bearer ${token}`, '203.0.113.5')).text
    const counted = (code: string) => Number(new RegExp(`^deployer_requests_refused_total{code="${code}"} (\\d+)$`, 'm').exec(text)?.[1])
    expect([counted('login_invalid'), counted('login_missing'), counted('token_invalid')]).toEqual([32, 1, 31])
    await until('the line of the last', () => refusals(api.logLines()).some(({ client }) => client === '203.0.113.4'))
    expect(refusals(api.logLines()).map(({ code, client, path }) => [code, client, path])).toEqual(
      expect.arrayContaining([
        ['login_invalid', '203.0.113.2', '/dashboard'],
        ['token_invalid', '203.0.113.3', '/metrics'],
      ]),
    )
    for (const secret of [password, token]) expect(api.output()).not.toContain(secret)
  })
})

describe('the log of the API, of who has a key,', () => {
  it('says whose it was', async () => {
    const api = await world.start('api', settings)
    await until('readiness', async () => (await api.client.raw('GET', '/ready')).status === 200)
    expect((await api.client.plain('POST', '/deploy/no-such-stack', 'no-such-stack')).status).toBe(404)
    await until('the line', () => refusals(api.logLines()).length > 0)
    expect(refusals(api.logLines())).toMatchObject([{ code: 'stack_not_found', caller: 'default', path: '/deploy/no-such-stack' }])
  })
})

describe('a log that nobody reads any more', () => {
  it.each(['api', 'worker', 'all'] as const)('keeps no process: %s ends when it is told to', async (role) => {
    const service = await world.start(role, settings)
    service.process.stdout?.destroy()
    service.process.stderr?.destroy()
    const ended = once(service.process, 'exit')
    service.process.kill('SIGTERM')
    await until('its end', () => service.process.exitCode !== null, 30).finally(() => service.process.kill('SIGKILL'))
    expect(await ended).toEqual([0, null])
  })

  it.each(['api', 'worker'] as const)('has its last line where somebody does: %s', async (role) => {
    const service = await world.start(role, settings)
    await service.stop()
    expect(service.logLines().at(-1)).toMatchObject({ event: `${role}_stopped` })
  })
})

describe('the log of the worker', () => {
  it('warns of a failed deploy, with its reason', async () => {
    const { client } = await world.start('api', settings)
    await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)
    for (const [name, code] of [
      [stack.name, 'not_running'],
      [broken.name, 'step_failed'],
    ] as const) {
      const { body } = await client.plain('POST', `/deploy/${name}?wait=1`, name)
      expect(body.code).toBe(code)
      const told = () => worker.logLines().find(({ event, job_id }) => event === 'job_finished' && job_id === body.job_id)
      const line = await until('the line of the job', told)
      expect(line).toMatchObject({ level: 'warn', stack: name, ok: false, code, message: body.message })
      expect(body.message).toBeTruthy()
    }
  })
})
