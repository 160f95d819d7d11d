import { describe, expect, it } from 'vitest'
import { readEvents } from '../../lab/read-events.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
// It is not running, so that each of its deploys ends at once.
const stack = await world.addStack('kept', webFile('127.0.0.1:1/never-pulled'))
const host = world.settings['WORKER_NAME'] ?? ''
const settings = { REDIS_URL: redis.url }
const worker = await world.start('worker', settings)
const { client } = await world.start('api', settings)
await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)

const keys = async (pattern: string) => (await redis.cli('--scan', '--pattern', pattern)).split('\n').filter(Boolean)
const queueKey = (name: string) => `deployer:${stack.name}@${host}:${name}`
async function end(): Promise<any> {
  return (await client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)).body
}
const read = async (id: string) => client.plain('GET', `/jobs/${id}`, id)
const events = (id: string, headers?: Record<string, string>) => readEvents(client, world.secret, id, headers)

describe('what is kept of finished jobs', () => {
  it('goes with the job: records at once, live logs before it, so that a stack has some of them at most', async () => {
    const ended: any[] = []
    for (let count = 0; count < 55; count++) ended.push(await end())
    expect(ended.every(({ code }) => code === 'not_running')).toBe(true)
    await until('the records of the jobs that are gone to be gone', async () => (await keys('deployer:run:*')).length === 40)
    expect(await keys('deployer:events:*')).toHaveLength(10)
    expect((await read(ended[0].job_id)).status).toBe(404)
    const { body: newest } = await read(ended.at(-1).job_id)
    expect([newest.code, newest.steps.length]).toEqual(['not_running', 2])
  })

  it('says of a job whose log is gone, and of no other, that there is a gap', async () => {
    const { jobs } = (await client.plain('GET', `/jobs?stack=${stack.name}`, 'jobs')).body
    const [newest, oldest] = [jobs[0].job_id, jobs.at(-1).job_id]
    expect((await events(oldest)).map(({ event }) => event)).toEqual(['state', 'gap', 'done'])
    const whole = await events(newest)
    expect(whole.filter(({ event }) => event === 'gap')).toEqual([])
    const [, second] = whole
    expect((await events(newest, { 'Last-Event-ID': second?.id ?? '' })).map(({ event }) => event)).toEqual(
      whole.slice(2).map(({ event }) => event),
    )
  })

  it('says by gap what comes after Last-Event-ID and is no longer kept', async () => {
    const { job_id } = await end()
    const whole = await events(job_id)
    const [, first, second, third] = whole
    // What a job with much output does to its own log.
    for (const entry of [first, second]) await redis.cli('xdel', `deployer:events:${job_id}`, entry?.id ?? '')
    const rest = await events(job_id, { 'Last-Event-ID': first?.id ?? '' })
    expect(rest[0]).toEqual({ event: 'gap', id: second?.id, data: { from: first?.id, to: second?.id } })
    expect(rest.slice(1)).toEqual(whole.slice(3))
    expect((await events(job_id, { 'Last-Event-ID': third?.id ?? '' }))[0]?.event).not.toBe('gap')
    expect((await events(job_id))[1]).toMatchObject({ event: 'gap', data: { from: null, to: second?.id } })
  })

  it('does not make a job out to have failed, or to be another, when only its record is lost', async () => {
    const { body: failed } = await read((await end()).job_id)
    await redis.cli('del', `deployer:run:${failed.job_id}`)
    expect((await read(failed.job_id)).body).toEqual(failed)
    const plan = await client.timed('POST', `/stacks/${stack.name}/plan?wait=1`)
    expect(plan.body.state).toBe('succeeded')
    // The report is there before BullMQ is told.
    await until('its queue to know', async () => (await redis.cli('hexists', queueKey(plan.body.job_id), 'finishedOn')).trim() === '1')
    await redis.cli('del', `deployer:run:${plan.body.job_id}`)
    expect((await read(plan.body.job_id)).body).toMatchObject({ state: 'succeeded', ok: true, code: null, message: null })
  })

  it('goes when its time is over, also where no other job ends', async () => {
    const { job_id } = await end()
    const before = String(Date.now() - 31 * 86_400_000)
    await redis.cli('zadd', queueKey('failed'), before, job_id)
    await redis.cli('hset', queueKey(job_id), 'finishedOn', before)
    await worker.stop()
    await world.start('worker', settings)
    await until('it to be gone', async () => (await read(job_id)).status === 404)
    expect(await keys(`deployer:*:${job_id}`)).toEqual([])
    expect((await client.plain('GET', `/jobs?stack=${stack.name}`, 'jobs')).body.jobs.length).toBeGreaterThan(10)
  })
})
