import { describe, expect, it } from 'vitest'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const stack = await world.addStack('again', webFile('127.0.0.1:1/never-pulled'))
const worker = await world.start('worker', { REDIS_URL: redis.url })
const apis = await Promise.all([world.start('api', { REDIS_URL: redis.url }), world.start('api', { REDIS_URL: redis.url })])
const [{ client }] = apis
await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)
const path = `/deploy/${stack.name}`
const post = (key: string, more = '', index = 0) =>
  (apis[index % 2]?.client ?? client).plain('POST', path + more, stack.name, undefined, { 'Idempotency-Key': key })
/** As when its time is over: BullMQ removes a job's hash, and what is kept beside it may be there for longer. */
const forget = (id: string) => redis.cli('del', `deployer:${stack.name}@${world.settings['WORKER_NAME']}:${id}`)

describe('an idempotency key', () => {
  it('ends with its job: once that is no longer kept, the same key makes a new one, which is done', async () => {
    const first = await post('run-1', '?wait=1')
    expect([first.status, first.body.code]).toEqual([409, 'not_running'])
    expect((await post('run-1', '', 1)).body.job_id).toBe(first.body.job_id)
    await forget(first.body.job_id)
    const next = await post('run-1', '?wait=1', 1)
    expect([next.status, next.body.code]).toEqual([409, 'not_running'])
    expect(next.body.job_id).not.toBe(first.body.job_id)
    expect(Date.parse(next.body.queued_at)).toBeGreaterThanOrEqual(Date.parse(first.body.finished_at))
    expect((await post('run-1')).body.job_id).toBe(next.body.job_id)
  })

  it('stands for one job however many send it at the same time, also after that job has gone', async () => {
    const many = async () => {
      const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => post('run-2', '?wait=1', index)))
      const ids = new Set(answers.map(({ body }) => body.job_id as string))
      expect([...ids]).toHaveLength(1)
      return [...ids][0] ?? ''
    }
    const id = await many()
    await forget(id)
    expect(await many()).not.toBe(id)
  })

  it('counts for one action', async () => {
    const key = { 'Idempotency-Key': 'run-3' }
    const deployed = await post('run-3', '?wait=1')
    const planned = await client.timed('POST', `/stacks/${stack.name}/plan?wait=1`, undefined, key)
    const back = await client.timed('POST', `/stacks/${stack.name}/rollback?wait=1`, undefined, key)
    const jobs = [deployed, planned, back]
    expect(jobs.map(({ body }) => body.action)).toEqual(['deploy', 'plan', 'rollback'])
    expect(new Set(jobs.map(({ body }) => body.job_id)).size).toBe(3)
  })

  it('is let go after a day', async () => {
    const keys = (await redis.cli('--scan', '--pattern', 'deployer:idempotency:*')).split('\n').filter(Boolean)
    expect(keys.length).toBeGreaterThan(3)
    for (const key of keys) {
      const left = Number(await redis.cli('ttl', key))
      expect([left > 0, left <= 86_400]).toEqual([true, true])
    }
  })
})

describe('a request', () => {
  it('joins a job that waits, and none that is no longer kept', async () => {
    await worker.stop()
    const ask = async () => (await client.plain('POST', path, stack.name)).body
    const first = await ask()
    expect(await ask()).toMatchObject({ job_id: first.job_id, coalesced: true })
    await forget(first.job_id)
    const next = await ask()
    expect(next.job_id).not.toBe(first.job_id)
    expect(next).toMatchObject({ state: 'queued', coalesced: false })
    expect((await client.plain('GET', `/jobs/${next.job_id}`, next.job_id)).status).toBe(200)
  })
})
