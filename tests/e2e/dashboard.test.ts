import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { QUEUES_KEY } from '@deployer/shared/queue'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const stack = await world.addStack('board', webFile('127.0.0.1:1/never-pulled'))
await world.start('worker', { REDIS_URL: redis.url })
const { client } = await world.start('api', { REDIS_URL: redis.url })
await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)

describe('the dashboard', () => {
  const login = { Authorization: `Basic ${Buffer.from('operator:hunter22').toString('base64')}` }

  it('is not there without a password', async () => {
    expect((await client.raw('GET', '/dashboard')).status).toBe(404)
    expect((await client.raw('GET', '/dashboard', login)).status).toBe(404)
  })

  it('reads and retries for whoever has the password, and does nothing else', async () => {
    const settings = { REDIS_URL: redis.url, DASHBOARD_USER: 'operator', DASHBOARD_PASSWORD: 'hunter22' }
    const { client: open } = await world.start('api', settings)
    const failed = await open.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)
    expect(failed.status, failed.text).toBe(409)
    const stranger = await open.raw('GET', '/dashboard')
    expect([stranger.status, stranger.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Basic')])
    const wrong = { Authorization: `Basic ${Buffer.from('operator:other').toString('base64')}` }
    expect((await open.raw('GET', '/dashboard/api/queues', wrong)).status).toBe(401)

    const page = await open.raw('GET', '/dashboard', login)
    expect(page.text).toContain('Deployer')
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    const host = world.settings['WORKER_NAME'] ?? ''
    // Grouped by host, to read only, and each job leads to its own page.
    const { queues } = (await open.raw('GET', '/dashboard/api/queues', login)).body
    expect(queues).toMatchObject([{ name: `${host}: ${stack.name}@${host}`, delimiter: ': ', readOnlyMode: true, allowRetries: false }])
    const path = `/dashboard/api/queues/${encodeURIComponent(`${host}: ${stack.name}@${host}`)}`
    const job = await open.raw('GET', `${path}/${failed.body.job_id}`, login)
    expect(job.text).toContain('No service of')
    expect(job.body.job.externalUrl).toEqual({ href: `../ui/jobs/${failed.body.job_id}` })
    expect(job.text).not.toContain(world.secret)

    for (const [method, to] of [
      ['PUT', `${path}/empty`],
      ['PUT', `${path}/obliterate`],
      ['PUT', `${path}/concurrency`],
      ['PUT', `${path}/pause`],
      ['PUT', `${path}/retry/failed`],
      ['PUT', `${path}/${failed.body.job_id}/clean`],
      ['POST', `${path}/add`],
      ['PATCH', `${path}/${failed.body.job_id}/update-data`],
    ] as const) {
      expect((await open.raw(method, to, login, '{}')).status, `${method} ${to}`).toBe(403)
    }
    const post = await open.raw('POST', '/dashboard', login, '{}')
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    const retry = `${path}/${failed.body.job_id}/retry`
    for (const site of ['cross-site', 'same-site', 'none']) {
      expect((await open.raw('PUT', retry, { ...login, 'Sec-Fetch-Site': site })).status, site).toBe(403)
    }
    expect((await open.raw('PUT', retry, { ...login, Origin: 'https://evil.example' })).status).toBe(403)
    const read = async () => (await open.plain('GET', `/jobs/${failed.body.job_id}`, failed.body.job_id)).body
    const before = await read()
    expect((await open.raw('PUT', retry, { ...login, 'Sec-Fetch-Site': 'same-origin' })).status).toBe(204)
    const again = await until('the retry to have ended', async () => {
      const [newest] = (await open.plain('GET', `/jobs?stack=${stack.name}&limit=1`, 'jobs')).body.jobs
      return newest.job_id !== failed.body.job_id && newest.ok === false && newest
    })
    expect(again).toMatchObject({ code: 'not_running', source: 'retry', by: 'dashboard:operator' })
    expect(await read()).toEqual(before)
  })

  it('shows a queue no longer than it is there', async () => {
    const { client: open } = await world.start('api', { REDIS_URL: redis.url, DASHBOARD_USER: 'operator', DASHBOARD_PASSWORD: 'hunter22' })
    const connection = new Redis(redis.url)
    const names = async () =>
      ((await open.raw('GET', '/dashboard/api/queues', login)).body.queues as { name: string }[]).map(({ name }) => name)
    await connection.sadd(QUEUES_KEY, 'gone@nas')
    expect(await names()).toContain('nas: gone@nas')
    await connection.srem(QUEUES_KEY, 'gone@nas')
    expect(await names()).not.toContain('nas: gone@nas')
    connection.disconnect()
  })

  it('says that Redis is away', async () => {
    const { client: open } = await world.start('api', { REDIS_URL: redis.url, DASHBOARD_USER: 'operator', DASHBOARD_PASSWORD: 'hunter22' })
    await redis.stop()
    const away = await open.raw('GET', '/dashboard/api/queues', login)
    expect([away.status, away.body.code, away.headers.get('retry-after')]).toEqual([503, 'queue_unavailable', '5'])
    await redis.start()
    await until('the queues again', async () => (await open.raw('GET', '/dashboard/api/queues', login)).status === 200)
  })
})
