import { Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import { expectKey } from '@deployer/shared/expect'
import { beginRun } from '@deployer/shared/run-record'
import { digestOf, publishStacks } from '../../lab/publish-stacks.ts'
import { until } from '../../lab/until.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const stacks = ['plain', 'first', 'join', 'begun', 'race', 'again', 'bad']
await publishStacks(redis.url, 'nas', stacks)
const settings = { REDIS_URL: redis.url, JOB_RETENTION_DAYS: '3' }
const [{ client }, { client: other }] = await Promise.all([world.start('api', settings), world.start('api', settings)])
await until('the stacks', async () => (await other.plain('GET', '/stacks', 'stacks')).body.stacks.length === stacks.length)
const connection = new Redis(redis.url)
afterAll(() => connection.disconnect())

const [a, b, c] = ['a', 'b', 'c'].map(digestOf) as [string, string, string]
const deploy = (stack: string, expected?: Record<string, unknown>, headers = {}, through = client) =>
  through.plain('POST', `/deploy/${stack}`, stack, expected && { expect: expected, nonce: Math.random() }, headers)
/** What a worker does when it takes the job. */
const begin = (jobId: string, stack: string) =>
  beginRun(connection, jobId, { stack, host: 'nas', action: 'deploy', source: 'request', caller: 'default' }, 0)

describe('expected digests', () => {
  it('are the job’s, from the answer on', async () => {
    expect((await deploy('plain')).body.expect).toEqual({})
    const { status, body } = await deploy('first', { web: a })
    expect([status, body.expect]).toEqual([202, { web: a }])
    expect((await client.timed('GET', `/jobs/${body.job_id}`)).body.expect).toEqual({ web: a })
    expect((await client.timed('GET', `/jobs?stack=first`)).body.jobs[0].expect).toEqual({ web: a })
    expect((await begin(body.job_id, 'first')).expect).toEqual({ web: a })
    expect((await client.timed('GET', `/jobs/${body.job_id}`)).body).toMatchObject({ state: 'running', expect: { web: a } })
  })

  it('are those of all requests that a job serves, the newest for each service', async () => {
    const first = await deploy('join', { web: a, db: b })
    const none = await deploy('join')
    expect(none.body).toMatchObject({ job_id: first.body.job_id, coalesced: true, expect: { web: a, db: b } })
    const third = await deploy('join', { web: c, api: a })
    expect(third.body).toMatchObject({ job_id: first.body.job_id, coalesced: true, expect: { web: c, db: b, api: a } })
    expect(await connection.ttl(expectKey(first.body.job_id))).toBeGreaterThan(300 * 86_400)
    expect((await begin(first.body.job_id, 'join')).expect).toEqual({ web: c, db: b, api: a })
  })

  it('are never added to a job that has begun', async () => {
    const first = await deploy('begun', { web: a })
    await begin(first.body.job_id, 'begun')
    const second = await deploy('begun', { web: b })
    expect(second.body).toMatchObject({ coalesced: false, expect: { web: b } })
    expect(second.body.job_id).not.toBe(first.body.job_id)
    expect(await connection.hgetall(expectKey(first.body.job_id))).toEqual({ web: a })
  })

  it('are in before their job begins, however requests and workers race', async () => {
    for (let round = 0; round < 30; round++) {
      const services = Array.from({ length: 8 }, (_, index) => `service-${round}-${index}`)
      const begun = new Map<string, Record<string, string>>()
      const asked = new AbortController()
      const worker = (async () => {
        while (!asked.signal.aborted || (await connection.exists('deployer:race@nas:de:deploy'))) {
          const jobId = await connection.get('deployer:race@nas:de:deploy')
          if (jobId) begun.set(jobId, (await begin(jobId, 'race')).expect)
        }
      })()
      const answers = await Promise.all(
        services.map((service, index) => deploy('race', { [service]: a }, {}, index % 2 ? client : other)),
      ).finally(() => asked.abort())
      await worker
      for (const [index, { status, body }] of answers.entries()) {
        expect(status).toBe(202)
        expect(begun.get(body.job_id), `${body.job_id} of ${services[index]}`).toHaveProperty(services[index] ?? '', a)
      }
    }
  })

  it('are those of the job that an idempotency key stands for', async () => {
    const key = { 'Idempotency-Key': 'run-1' }
    const first = await deploy('again', { web: a }, key)
    expect(await deploy('again', { web: a }, key)).toMatchObject({ body: { job_id: first.body.job_id, expect: { web: a } } })
    await begin(first.body.job_id, 'again')
    expect(await deploy('again', { web: b }, key)).toMatchObject({ body: { job_id: first.body.job_id, expect: { web: a } } })
  })

  it.each([
    [{ web: 'sha256:abc' }, 'expect.web'],
    [{ web: a.toUpperCase() }, 'expect.web'],
    [{ web: 7 }, 'expect.web'],
    [{ '': a }, 'expect'],
    [[], 'expect'],
    ['web', 'expect'],
  ])('are refused when they are %j', async (expected, named) => {
    const answer = await deploy('bad', expected as Record<string, unknown>)
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_request' } })
    expect(answer.body.detail).toContain(named)
    expect((await client.timed('GET', `/jobs?stack=bad&limit=${1 + Math.floor(Math.random() * 900)}`)).body.jobs).toEqual([])
  })
})
