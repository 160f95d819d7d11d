import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createClient, hmac } from '../../lab/client.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const stack = await world.addStack('http', webFile('127.0.0.1:1/never-pulled'))
const previous = 'the-secret-of-last-month'
await world.start('worker', { REDIS_URL: redis.url })
const api = await world.start('api', {
  REDIS_URL: redis.url,
  DEPLOY_SECRET_PREVIOUS: previous,
  MAX_BODY_BYTES: '2000',
  TRUSTED_PROXIES: '127.0.0.1',
})
const { client } = api
await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)

describe('what is open', () => {
  it('answers /health to anybody', async () => {
    for (const method of ['GET', 'POST']) {
      const answer = await client.raw(method, '/health')
      expect(answer).toMatchObject({ status: 200, body: { ok: true } })
    }
  })

  it("gives every answer a request id, the caller's own where it is sane", async () => {
    expect((await client.raw('GET', '/health', { 'X-Request-Id': 'run-4711' })).headers.get('x-request-id')).toBe('run-4711')
    for (const odd of ['a b<script>', '<script>a', 'a b', 'x'.repeat(129)]) {
      expect((await client.raw('GET', '/nowhere', { 'X-Request-Id': odd })).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    }
  })
})

describe('signatures', () => {
  const path = `/deploy/${stack.name}`
  const code = async (headers: Record<string, string>, body?: string, to = path) => {
    const answer = await client.raw('POST', to, headers, body)
    if (answer.status !== 202) {
      expect(answer.headers.get('content-type')).toContain('application/problem+json')
      expect(answer.body).toMatchObject({ ok: false, status: answer.status })
    }
    return [answer.status, answer.body.code]
  }

  it.each([
    ['lower case', (hex: string) => hex],
    ['upper case', (hex: string) => hex.toUpperCase()],
    ['with its prefix', (hex: string) => `sha256=${hex}`],
  ])('accepts a plain one in %s', async (_, form) => {
    expect((await code({ 'X-Signature': form(hmac(world.secret, stack.name)) }))[0]).toBe(202)
  })

  it("accepts one over the raw body, GitHub's and one under the previous secret", async () => {
    const body = JSON.stringify({ stack: stack.name, zen: 'Keep it logically awesome.' })
    expect((await code({ 'X-Signature': hmac(world.secret, body) }, body))[0]).toBe(202)
    expect((await code({ 'X-Hub-Signature-256': `sha256=${hmac(world.secret, body)}` }, body, '/deploy'))[0]).toBe(202)
    expect((await code({ 'X-Signature': hmac(previous, body) }, body))[0]).toBe(202)
  })

  it('refuses a missing, a wrong and a malformed one', async () => {
    expect(await code({})).toEqual([401, 'signature_missing'])
    expect(await code({ 'X-Signature': hmac('another secret', stack.name) })).toEqual([401, 'signature_invalid'])
    expect(await code({ 'X-Signature': 'abc' })).toEqual([401, 'signature_invalid'])
    expect(await code({ 'X-Signature': hmac(world.secret, stack.name) }, '{}')).toEqual([401, 'signature_invalid'])
  })

  it('binds a timestamped one to method, path, query and body, to its time, and to one use', async () => {
    const now = Math.floor(Date.now() / 1000)
    const sign = (timestamp: number | string, message: string) => ({
      'X-Timestamp': String(timestamp),
      'X-Signature': hmac(world.secret, message),
    })
    const once = sign(now, `${now}.POST.${path}?timeout=1.`)
    expect((await code(once, undefined, `${path}?timeout=1`))[0]).toBe(202)
    // However it is written, it is the same one.
    for (const form of [once['X-Signature'], once['X-Signature'].toUpperCase(), `sha256=${once['X-Signature']}`]) {
      expect(await code({ ...once, 'X-Signature': form }, undefined, `${path}?timeout=1`)).toEqual([401, 'signature_replayed'])
    }
    expect(await code(sign(now, `${now}.POST.${path}.`), undefined, `${path}?timeout=2`)).toEqual([401, 'signature_invalid'])
    expect(await code(sign(now, `${now}.GET.${path}.`))).toEqual([401, 'signature_invalid'])
    expect(await code(sign(now - 400, `${now - 400}.POST.${path}.`))).toEqual([401, 'signature_expired'])
    expect(await code(sign(now + 400, `${now + 400}.POST.${path}.`))).toEqual([401, 'signature_expired'])
    expect(await code(sign('soon', `soon.POST.${path}.`))).toEqual([401, 'signature_invalid'])
  })

  it('remembers a timestamped one as long as it is good, also from a clock that is ahead', async () => {
    const brief = await world.start('api', { REDIS_URL: redis.url, SIGNATURE_TOLERANCE: '2' })
    const ahead = String(Math.floor(Date.now() / 1000) + 2)
    const headers = { 'X-Timestamp': ahead, 'X-Signature': hmac(world.secret, `${ahead}.POST.${path}.`) }
    const send = () => brief.client.raw('POST', path, headers)
    expect((await send()).status).toBe(202)
    const codes = new Set<string>()
    await until('its time to be over', async () => {
      const { body } = await send()
      codes.add(body.code)
      return body.code === 'signature_expired'
    })
    expect([...codes]).toEqual(['signature_replayed', 'signature_expired'])
  })

  it('is timestamped or refused where REQUIRE_TIMESTAMP says so', async () => {
    const strict = await world.start('api', { REDIS_URL: redis.url, REQUIRE_TIMESTAMP: 'true' })
    const plain = hmac(world.secret, stack.name)
    const ways: [string, string, Record<string, string>][] = [
      ['POST', path, { 'X-Signature': plain }],
      ['POST', path, { 'X-Hub-Signature-256': `sha256=${plain}` }],
      ['POST', path, { 'X-Gitlab-Token': world.secret }],
      ['GET', '/stacks', { 'X-Signature': hmac(world.secret, 'stacks') }],
    ]
    for (const [method, to, headers] of ways) {
      const { status, body } = await strict.client.raw(method, to, headers)
      expect([status, body.code], JSON.stringify(headers)).toEqual([401, 'signature_invalid'])
    }
    expect((await strict.client.timed('POST', path)).status).toBe(202)
    expect((await strict.client.timed('GET', '/stacks')).status).toBe(200)
  })

  it('lets a plain one neither cancel nor roll back', async () => {
    const { body } = await client.plain('POST', path, stack.name)
    const canceled = await client.plain('DELETE', `/jobs/${body.job_id}`, body.job_id)
    expect([canceled.status, canceled.body.code]).toEqual([401, 'signature_invalid'])
    expect(await code({ 'X-Signature': hmac(world.secret, stack.name) }, undefined, `/stacks/${stack.name}/rollback`)).toEqual([
      401,
      'signature_invalid',
    ])
  })

  it('comes before JSON and stack: an unsigned caller learns nothing', async () => {
    expect(await code({}, 'no json')).toEqual([401, 'signature_missing'])
    expect(await code({}, undefined, '/deploy/no-such-stack')).toEqual([401, 'signature_missing'])
  })
})

describe('a GET with a body', () => {
  /** Node's own client, since fetch sends no such thing. @param body `null`: it is announced, and never comes. */
  const get = (path: string, headers: Record<string, string>, body: string | null, method = 'GET') =>
    new Promise<[status: number | undefined, code: unknown]>((resolve, reject) => {
      const length = 'Transfer-Encoding' in headers ? {} : { 'Content-Length': String(body?.length ?? 5000) }
      const sent = request(client.url + path, { method, headers: { ...length, ...headers } }, (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
        answer.on('end', () => {
          resolve([answer.statusCode, method === 'HEAD' ? null : JSON.parse(text).code])
          sent.destroy()
        })
      })
      sent.on('error', reject)
      if (body === null) sent.flushHeaders()
      else sent.end(body)
    })
  const refused = [400, 'body_not_allowed']

  it.each(['/jobs', '/stacks', '/jobs/x', '/jobs/x/events'])(
    'is refused, however well it is signed: any signed text would open %s',
    async (path) => {
      // What a code host has shown on its page of deliveries.
      const text = JSON.stringify({ zen: 'Keep it logically awesome.' })
      expect(await get(path, { 'X-Signature': hmac(world.secret, text) }, text)).toEqual(refused)
      expect(await get(path, { 'X-Signature': hmac(world.secret, text), 'Transfer-Encoding': 'chunked' }, text)).toEqual(refused)
      expect(await get(path, { 'X-Signature': hmac(world.secret, text) }, text, 'HEAD')).toEqual([400, null])
      const now = String(Math.floor(Date.now() / 1000))
      const timed = hmac(world.secret, `${now}.GET.${path}.${text}`)
      expect(await get(path, { 'X-Timestamp': now, 'X-Signature': timed }, text)).toEqual(refused)
    },
  )

  it('is not read', async () => {
    expect(await get('/stacks', {}, null)).toEqual(refused)
    expect(await get('/jobs', { 'Transfer-Encoding': 'chunked' }, null)).toEqual(refused)
  })
})

describe('bad requests', () => {
  it.each([
    ['no JSON', '/deploy', '{"stack":', 400, 'invalid_json'],
    ['no object', '/deploy', '["media"]', 422, 'invalid_request'],
    ['no stack', '/deploy', '{"other":1}', 422, 'invalid_request'],
    ['a stack of another type', '/deploy', '{"stack":7}', 422, 'invalid_request'],
    ['a stack that is not there', '/deploy', '{"stack":"no-such-stack"}', 404, 'stack_not_found'],
    ['a name that cannot be one', '/deploy', '{"stack":"../etc"}', 404, 'stack_not_found'],
    ['two different stacks', `/deploy/${stack.name}`, '{"stack":"other"}', 422, 'stack_mismatch'],
    ['an odd wait', `/deploy/${stack.name}?wait=perhaps`, '{}', 422, 'invalid_request'],
    ['an odd timeout', `/deploy/${stack.name}?wait=1&timeout=long`, '{}', 422, 'invalid_request'],
    ['two different hosts', `/deploy/${stack.name}?host=here`, '{"host":"there"}', 422, 'invalid_request'],
    ['an unknown host', `/deploy/${stack.name}?host=nowhere`, '{}', 404, 'stack_not_found'],
  ])('%s', async (_, path, body, status, code) => {
    const answer = await client.raw('POST', path, { 'X-Signature': hmac(world.secret, body) }, body)
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(answer.body.detail).toBeTruthy()
  })

  it('refuses a body over the limit, announced or not', async () => {
    const body = JSON.stringify({ stack: stack.name, filler: 'x'.repeat(3000) })
    const answer = await client.raw('POST', '/deploy', { 'X-Signature': hmac(world.secret, body) }, body)
    expect([answer.status, answer.body.code]).toEqual([413, 'body_too_large'])
    const stream = new ReadableStream({ start: (controller) => (controller.enqueue(new TextEncoder().encode(body)), controller.close()) })
    const chunked = await fetch(`${client.url}/deploy`, { method: 'POST', body: stream, duplex: 'half' })
    expect(chunked.status).toBe(413)
  })

  it('knows no job of another id', async () => {
    for (const id of ['0199aaaa-0000-7000-8000-000000000000', 'nonsense', '..%2F..']) {
      const answer = await client.plain('GET', `/jobs/${id}`, decodeURIComponent(id))
      expect([answer.status, answer.body.code]).toEqual([404, 'job_not_found'])
    }
  })
})

describe('jobs', () => {
  it('are listed, the newest first, by stack and state', async () => {
    const first = await client.plain('POST', `/deploy/${stack.name}?wait=true`, stack.name)
    const second = await client.plain('POST', `/deploy/${stack.name}?wait=true`, stack.name)
    expect([first.status, second.status]).toEqual([409, 409])
    const { body } = await client.plain('GET', `/jobs?stack=${stack.name}&limit=2`, 'jobs')
    expect(body.jobs.map((job: any) => job.job_id)).toEqual([second.body.job_id, first.body.job_id])
    expect((await client.plain('GET', '/jobs?state=succeeded', 'jobs')).body.jobs).toEqual([])
    expect((await client.plain('GET', '/jobs?state=odd', 'jobs')).status).toBe(422)
  })

  it('hold a GET until their end', async () => {
    const { body } = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
    const ended = await client.plain('GET', `/jobs/${body.job_id}?wait=true&timeout=30`, body.job_id)
    expect(ended).toMatchObject({ status: 200, body: { state: 'failed', code: 'not_running' } })
  })

  it('are found again by their idempotency key, per stack', async () => {
    const again = () => client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name, undefined, { 'Idempotency-Key': 'run-1' })
    const first = await again()
    expect((await again()).body.job_id).toBe(first.body.job_id)
    const other = await client.plain('POST', `/deploy/${stack.name}`, stack.name, undefined, { 'Idempotency-Key': 'run-2' })
    expect(other.body.job_id).not.toBe(first.body.job_id)
    const github = await client.plain('POST', `/deploy/${stack.name}`, stack.name, undefined, { 'X-GitHub-Delivery': 'run-1' })
    expect(github.body.job_id).toBe(first.body.job_id)
  })
})

describe('stacks', () => {
  it('are listed with host, services and last job; made and removed ones are known within two seconds', async () => {
    await client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)
    const { body } = await client.plain('GET', '/stacks', 'stacks')
    const entry = body.stacks.find((one: any) => one.stack === stack.name)
    expect(entry).toMatchObject({ host: world.settings.WORKER_NAME, online: true, running: false, services: [] })
    expect(entry.last_job).toMatchObject({ state: 'failed' })
    const fresh = await world.addStack('fresh', webFile('127.0.0.1:1/never-pulled'))
    const known = async () => (await client.plain('POST', `/deploy/${fresh.name}`, fresh.name)).status
    await until('the new stack', async () => (await known()) === 202, 4)
    const { rmSync } = await import('node:fs')
    rmSync(fresh.dir, { recursive: true })
    await until('the stack to be forgotten', async () => (await known()) === 404, 4)
  })
})

describe('limits', () => {
  const settings = { REDIS_URL: redis.url, RATE_LIMIT_PER_MIN: '3', TRUSTED_PROXIES: '127.0.0.1' }

  it('count unsigned requests per client address over all API processes, and say when to come back', async () => {
    const two = await Promise.all([world.start('api', settings), world.start('api', settings)])
    const from = (address: string, index: number) =>
      createClient(two[index]?.client.url ?? '', world.secret).raw('POST', '/deploy', { 'X-Forwarded-For': `6.6.6.6, ${address}` })
    const statuses = []
    for (const index of [0, 1, 0, 1, 0]) statuses.push((await from('203.0.113.7', index)).status)
    expect(statuses).toEqual([401, 401, 401, 429, 429])
    const limited = await from('203.0.113.7', 1)
    expect(limited.body.code).toBe('rate_limited')
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(limited.headers.get('ratelimit-limit')).toBe('3')
    expect(limited.headers.get('ratelimit-remaining')).toBe('0')
    expect((await from('203.0.113.8', 0)).status).toBe(401)
  })

  it('count an IPv6 subscriber as one, whatever address of its own it takes', async () => {
    const one = await world.start('api', settings)
    const from = (address: string) => one.client.raw('POST', '/deploy', { 'X-Forwarded-For': address })
    const signed = (address: string) =>
      one.client.plain('POST', `/deploy/${stack.name}`, stack.name, undefined, { 'X-Forwarded-For': address })
    for (const send of [from, signed]) {
      const statuses = []
      const network = send === from ? '2001:db8:0:1' : '2001:db8:0:2'
      for (const host of [':1', ':ffff', '2:3:4:5', 'a:b:c:d']) statuses.push((await send(`${network}:${host}`)).status)
      expect(statuses.map((status) => status === 429)).toEqual([false, false, false, true])
      expect((await send('2001:db8:0:3::1')).status).not.toBe(429)
    }
  })

  it('count signed deploys per key, address and stack: a loop over twenty stacks is none too many', async () => {
    const one = await world.start('api', settings)
    const from = (address: string, name: string, path = `/deploy/${name}`, body?: unknown) =>
      one.client.plain('POST', path, name, body, { 'X-Forwarded-For': address })
    for (let index = 0; index < 20; index++) expect((await from('203.0.113.20', `stack-${index}`)).status).toBe(404)
    const statuses = []
    for (let index = 0; index < 5; index++) {
      // By path and by body it is the same stack.
      statuses.push(
        (await (index % 2 ? from('203.0.113.20', stack.name) : from('203.0.113.20', '', '/deploy', { stack: stack.name }))).status,
      )
    }
    expect(statuses).toEqual([202, 202, 202, 429, 429])
    const limited = await from('203.0.113.20', stack.name)
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(limited.headers.get('ratelimit-limit')).toBe('3')
    expect((await from('203.0.113.21', stack.name)).status).toBe(202)
    // A body of more than 64 KiB counts against its address until its sender has proven who he is, and no longer.
    const large = { filler: 'x'.repeat(70_000) }
    for (let index = 0; index < 6; index++) {
      expect((await from('203.0.113.22', '', `/deploy/large-${index}`, large)).status).toBe(404)
    }
    // Who signs with another secret is nobody at all.
    const stranger = createClient(one.client.url, 'another secret')
    expect(
      (await stranger.plain('POST', `/deploy/${stack.name}`, stack.name, undefined, { 'X-Forwarded-For': '203.0.113.20' })).status,
    ).toBe(401)
  })
})
