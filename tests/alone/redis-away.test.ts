import { describe, expect, it } from 'vitest'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const stack = await world.addStack('away', webFile('127.0.0.1:1/never-pulled'))
await world.start('worker', { REDIS_URL: redis.url })
const token = 'a-token-for-metrics'
const { client } = await world.start('api', { REDIS_URL: redis.url, METRICS_TOKEN: token })
await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)

describe('Redis away', () => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)('answers 503 within two seconds after %s, and works again by itself', async (signal) => {
    if (signal === 'SIGKILL') await redis.stop('SIGKILL')
    else redis.signal('SIGSTOP')
    const began = performance.now()
    const answer = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
    expect([answer.status, answer.body.code]).toEqual([503, 'queue_unavailable'])
    // The contract's own bound, of which only the hung Redis comes near.
    expect(performance.now() - began).toBeLessThan(2000)
    expect(answer.headers.get('retry-after')).toBeTruthy()
    expect((await client.raw('GET', '/health')).status).toBe(200)
    const ready = await client.raw('GET', '/ready')
    expect(ready).toMatchObject({ status: 503, body: { ok: false } })
    expect(ready.body.missing).toContain('redis')
    if (signal === 'SIGKILL') await redis.start()
    else redis.signal('SIGCONT')
    const accepted = await until('a 202 again', async () => {
      const next = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
      return next.status === 202 ? next.body : null
    })
    const ended = await client.plain('GET', `/jobs/${accepted.job_id}?wait=1`, accepted.job_id)
    expect(ended.body.state).toBe('failed')
  })

  it('keeps nothing back of what was asked or told meanwhile: Redis gets none of it when it is back', async () => {
    await redis.stop('SIGKILL')
    const asked = await Promise.all(Array.from({ length: 100 }, () => client.plain('GET', '/jobs', 'jobs')))
    expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([503]))
    // The worker has missed five of its heartbeats.
    await until('the worker to be long unheard of', async () => {
      const { text } = await client.raw('GET', '/metrics', { Authorization: `Bearer ${token}` })
      return Number(/^deployer_worker_heartbeat_age_seconds\{.*\} (.*)$/m.exec(text)?.[1]) > 15
    })
    await redis.start()
    await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)
    // A list of jobs begins with the set of queues, a heartbeat is one of these.
    const stats = await redis.cli('info', 'commandstats')
    const calls = (name: string) => Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0)
    expect([calls('smembers'), calls('zremrangebyscore')].every((count) => count < 4)).toBe(true)
  })
})
