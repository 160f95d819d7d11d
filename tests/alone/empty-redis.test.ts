import { expect, it } from 'vitest'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const image = `${registry}/empty:latest`
const settings = { REDIS_URL: redis.url }

it.each(['while it is away', 'before its eyes'])('a Redis that is emptied %s is told all of it again within 5 s', async (how) => {
  await publishImage(engine, image, 'v1')
  const stack = await world.addStack('empty', webFile(image))
  await stack.compose('up', '-d')
  const { client } = await world.start('api', settings)
  const worker = await world.start('worker', settings)
  expect((await deployAndWait(client, stack.name)).body.ok).toBe(true)
  const ready = () => client.raw('GET', '/ready')
  const releases = async () => (await client.plain('GET', `/stacks/${stack.name}/releases`, stack.name)).body.releases as any[]
  const before = await releases()
  expect(before.length).toBeGreaterThan(0)

  const emptied = performance.now()
  if (how === 'while it is away') {
    await redis.stop('SIGKILL')
    redis.empty()
    await redis.start()
    // Until the stacks are known again it is the worker that is missing.
    await until('it to be said', async () => (await ready()).body.missing.includes('worker'))
  } else await redis.cli('flushall')
  await until('the inventory', async () => (await redis.cli('exists', 'deployer:inventory')).trim() === '1')
  await until('readiness', async () => (await ready()).status === 200)
  expect((performance.now() - emptied) / 1000).toBeLessThan(5)

  await until('the releases', async () => (await releases()).length === before.length)
  await publishImage(engine, image, 'v2')
  const { status, body } = await client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)
  expect([status, body.ok]).toEqual([200, true])
  await untilPage(stack, 'v2')
  // Found by its id alone, also by an API that did not take it.
  const { client: other } = await world.start('api', settings)
  expect((await other.plain('GET', `/jobs/${body.job_id}`, body.job_id)).status).toBe(200)
  expect(await redis.cli('hget', `deployer:${stack.name}@${world.settings['WORKER_NAME']}:meta`, 'concurrency')).toBe('1\n')
  await worker.stop()
  await stack.compose('down', '-t', '0')
})

it('what a later release has written is left alone, and the one that cannot read it says so', async () => {
  await redis.cli('hset', 'deployer:stored', 'version', '9', 'readable_by', '2', 'release', '7.0.0')
  for (const role of ['api', 'worker'] as const)
    await expect(world.start(role, settings)).rejects.toThrow(/ended with 78: .*written by Deployer 7\.0\.0.* left alone/s)
  await redis.cli('hset', 'deployer:stored', 'readable_by', '1')
  await world.start('api', settings)
  expect(await redis.cli('hget', 'deployer:stored', 'version')).toBe('9\n')
})
