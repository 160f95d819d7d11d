import { afterAll, expect, it } from 'vitest'
import { holdRegistry } from '../../../lab/held-registry.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import type { Service } from '../../../lab/service.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { until } from '../../../lab/until.ts'
import { createWatching } from '../../../lab/watching.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useRedis, useWorld } from '../../support.ts'

const world = useWorld()
const redis = await useRedis()
const held = await holdRegistry(registry)
afterAll(() => held.stop())
const host = world.settings['WORKER_NAME'] ?? ''
const settings = { REDIS_URL: redis.url, SETTLE: '0' }
const { client } = await world.start('api', settings)
const watching = createWatching(redis.url, host)
afterAll(() => watching.close())
const rounds = async () => (await watching.outbox()).filter((entry) => entry.kind === 'round' && entry.phase === 'end').length
const schedulers = () => watching.redis.exists(`deployer:@${host}:repeat`)

it('nothing ticks where nothing is to be watched', async () => {
  const worker = await world.start('worker', settings)
  await until('the worker', async () => (await client.raw('GET', '/ready')).status === 200)
  expect(await schedulers()).toBe(0)
  await worker.stop()
})

it('of two workers one is killed while it looks: one check, one deploy; and what was due while all were away is done once', async () => {
  const image = `${held.address}/two:latest`
  await publishImage(engine, image, 'v1')
  const watched = { ...settings, WATCH: 'update', WATCH_EVERY: '6h' }
  const workers = [await world.start('worker', watched), await world.start('worker', watched)]
  const stack = await startStack(world, client, 'two', webFile(image))
  await until('the first round', async () => (await rounds()) === 1)
  await publishImage(engine, image, 'v2')

  const started = (worker: Service) => worker.logLines().filter(({ event }) => event === 'watch_round_started').length
  const before = workers.map(started)
  held.hold()
  await watching.tick()
  await until('the question', () => held.waiting() > 0)
  const asking = await until('the one who asks', () => workers.find((worker, at) => started(worker) > (before[at] ?? 0)))
  asking.process.kill('SIGKILL')
  held.letGo()
  await until('the round', async () => (await rounds()) === 2)
  await untilPage(stack, 'v2')
  const jobs = async () => (await client.timed('GET', `/jobs?stack=${stack.name}`)).body.jobs
  await until('its end', async () => (await jobs())[0]?.ok === true)
  expect(await jobs()).toMatchObject([{ source: 'watch', ok: true }])

  await workers.find((worker) => worker !== asking)?.stop()
  await publishImage(engine, image, 'v3')
  await watching.tick()
  const late = await world.start('worker', watched)
  await untilPage(stack, 'v3')
  await until('its end', async () => (await jobs())[0]?.ok === true)
  expect([await rounds(), (await jobs()).length]).toEqual([3, 2])
  // Who starts again in between does not look again.
  await late.stop()
  const again = await world.start('worker', watched)
  await until('the schedule to be known', () => again.logLines().some(({ event }) => event === 'worker_started'))
  expect(await schedulers()).toBe(1)
  expect(await rounds()).toBe(3)

  // Another setting counts from the start on, without a look.
  await again.stop()
  const slow = await world.start('worker', { ...watched, MIN_AGE: '3d' })
  await publishImage(engine, image, 'v4')
  await watching.tick()
  await until('the round', async () => (await rounds()) === 4)
  expect((await watching.updates(stack.name)).map(({ state }) => state)).toEqual(['cooling'])
  await slow.stop()
  await world.start('worker', watched)
  await untilPage(stack, 'v4')
  await until('its end', async () => (await jobs())[0]?.ok === true)
  expect([await rounds(), (await jobs()).length]).toEqual([4, 3])
})
