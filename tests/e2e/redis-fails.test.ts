import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { composeProcesses, watchCompose } from '../../lab/compose-watch.ts'
import { holdRegistry } from '../../lab/held-registry.ts'
import { startRedis, type LabRedis } from '../../lab/redis.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startService } from '../../lab/service.ts'
import { startStack } from '../../lab/start-stack.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const image = (name: string) => `${registry}/redis-${name}:latest`

/** Milliseconds: longer than a job's lock lasts, and than it takes BullMQ to see that. */
const AWAY = 8000

/** What Redis does while `up` runs, by the name of the stack. */
const FAILURES: [name: string, what: string, fail: (redis: LabRedis) => Promise<unknown>][] = [
  [
    'away',
    'is away',
    (redis) =>
      redis
        .stop('SIGKILL')
        .then(() => delay(AWAY))
        .then(() => redis.start()),
  ],
  [
    'frozen',
    'answers nothing',
    async (redis) => {
      redis.signal('SIGSTOP')
      await delay(AWAY)
      redis.signal('SIGCONT')
    },
  ],
  ['full', 'is full', (redis) => setting(redis, 'maxmemory')],
  ['read-only', 'takes no writes', (redis) => setting(redis, 'min-replicas-to-write')],
  ['empty', 'has lost everything', (redis) => redis.cli('flushall')],
]

/** A setting under which every write is refused, for a while. */
async function setting(redis: LabRedis, name: string): Promise<void> {
  await redis.cli('config', 'set', name, '1')
  await delay(AWAY)
  await redis.cli('config', 'set', name, '0')
}

describe.concurrent('a Redis that fails in `up`', () => {
  it.each(FAILURES)('%s: it %s, and what has begun is ended', async (name, _, fail) => {
    const redis = await startRedis()
    const settings = {
      REDIS_URL: redis.url,
      WORKER_NAME: `${world.settings['WORKER_NAME']}-${name}`,
      DATA_DIR: `${world.root}/.data-${name}`,
    }
    const { client } = await world.start('api', settings)
    const worker = await world.start('worker', settings)
    try {
      await publishImage(engine, image(name), 'v1')
      // It ignores TERM, so its recreation takes the engine ten seconds.
      const file = (port: number) => webFile(image(name))(port).replace('    init: true\n', '')
      const stack = await startStack(world, client, name, file)
      await publishImage(engine, image(name), 'v2')
      const accepted = async () => {
        const { status, body } = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
        return status === 202 ? (body.job_id as string) : null
      }
      const first = await until('a 202', accepted)
      await until('`up`', async () => (await client.plain('GET', `/jobs/${first}`, first)).body.steps.length === 3)
      const second = await until('a 202', accepted)
      expect(second).not.toBe(first)
      const watch = watchCompose([stack.dir])
      await fail(redis)
      await untilPage(stack, 'v2')
      const end = async (id: string) => {
        const { status, body } = await client.plain('GET', `/jobs/${id}`, id)
        if (status === 404) return 'forgotten'
        return status === 200 && body.ok !== null ? (body.state as string) : null
      }
      const ends = [await until('the end of the first', () => end(first), 90), await until('the end of the second', () => end(second), 90)]
      expect(ends).toEqual(name === 'empty' ? ['forgotten', 'forgotten'] : ['succeeded', 'succeeded'])
      // One more shows that nothing is in the way, and what runs.
      const last = await until('a 202', accepted)
      expect(await until('the end of the last', () => end(last), 90)).toBe('succeeded')
      const { client: another } = await world.start('api', settings)
      expect((await another.plain('GET', `/jobs/${last}`, last)).status).toBe(200)
      watch.stop()
      expect(watch.most()).toBe(1)
      const { body } = await client.plain('GET', `/stacks/${stack.name}/releases`, stack.name)
      expect(body.releases.find((one: any) => one.current)).toMatchObject({ number: 2, verified: true, job_id: first })
    } finally {
      await worker.stop()
      await redis.close()
    }
  })
})

it('a worker that has to stop while Redis is away, in a pull that hangs, ends; the next one ends the job', async () => {
  const redis = await startRedis()
  const held = await holdRegistry(registry)
  const settings = { REDIS_URL: redis.url, WORKER_NAME: `${world.settings['WORKER_NAME']}-stop`, DATA_DIR: `${world.root}/.data-stop` }
  const { client } = await world.start('api', settings)
  const worker = await world.start('worker', settings)
  const name = `${held.address}/redis-stop:latest`
  try {
    await publishImage(engine, name, 'v1')
    const stack = await startStack(world, client, 'stop', webFile(name))
    await publishImage(engine, name, 'v2')
    held.hold()
    const { body } = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
    await until('the pull to hang', () => held.waiting() > 0)
    await redis.stop('SIGKILL')
    await worker.stop('SIGTERM')
    expect(composeProcesses(stack.dir)).toEqual([])
    held.letGo()
    await redis.start()
    const next = await world.start('worker', settings)
    const end = async () => {
      const answer = await client.plain('GET', `/jobs/${body.job_id}`, body.job_id)
      return answer.status === 200 && answer.body.ok !== null ? answer.body : null
    }
    expect(await until('the end of the job', end, 90)).toMatchObject({ state: 'succeeded' })
    await untilPage(stack, 'v2')
    await next.stop()
  } finally {
    await redis.close()
    await held.stop()
  }
})

it('a worker starts while Redis is full, and is there when it is not any more', async () => {
  const redis = await startRedis()
  const settings = { ...world.settings, REDIS_URL: redis.url, WORKER_NAME: `${world.settings['WORKER_NAME']}-full-start` }
  await redis.cli('config', 'set', 'maxmemory', '1')
  const worker = await startService('worker', settings)
  await redis.cli('config', 'set', 'maxmemory', '0')
  await until('its heartbeat', async () => (await redis.cli('zcard', 'deployer:heartbeats')).trim() === '1')
  await until('its stacks', async () => (await redis.cli('hexists', 'deployer:inventory', settings.WORKER_NAME)).trim() === '1')
  await worker.stop()
  await redis.close()
})
