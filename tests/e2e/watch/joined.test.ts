import { afterAll, expect, it } from 'vitest'
import { registryDigest } from '../../../lab/registry-digest.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { until } from '../../../lab/until.ts'
import { createWatching } from '../../../lab/watching.ts'
import { untilPage } from '../../../lab/world.ts'
import { engine, registry, useRedis, useWorld } from '../../support.ts'

const world = useWorld()
const redis = await useRedis()
const host = world.settings['WORKER_NAME'] ?? ''
const settings = { REDIS_URL: redis.url }
const { client } = await world.start('api', settings)
const watching = createWatching(redis.url, host)
afterAll(() => watching.close())

const [app, db] = [`${registry}/joined-app:latest`, `${registry}/joined-db:latest`]
const push = (version: string) => Promise.all([app, db].map((image) => publishImage(engine, image, version)))
const file = (port: number) => `services:
  web: { image: "${app}", init: true, ports: ["127.0.0.1:${port}:8080"] }
  db: { image: "${db}", init: true, x-deployer: { watch: off } }
`
const ended = (id: string) =>
  until('the end', async () => {
    const { body } = await client.plain('GET', `/jobs/${id}`, id)
    return body.ok !== null && body
  })
const waiting = async (stack: string) =>
  (await client.plain('GET', `/jobs?stack=${stack}&state=queued`, 'jobs')).body.jobs.map((job: { job_id: string }) => job.job_id)

it('a request that joins what watching waits with makes it a deploy of all services, and its own; watching adds nothing to a request', async () => {
  await push('v1')
  const first = await world.start('worker', settings)
  const stack = await startStack(world, client, 'joined', file)
  await first.stop()
  await push('v2')
  const watch = async () => watching.deploy(stack.name, { web: await registryDigest(app) })
  const ask = async () => (await client.timed('POST', `/deploy/${stack.name}`, { nonce: Math.random() })).body

  const id = await watch()
  expect((await client.plain('GET', `/jobs/${id}`, id)).body).toMatchObject({ source: 'watch', by: 'watch' })
  const answer = await ask()
  expect(answer).toMatchObject({ job_id: id, coalesced: true, source: 'request', by: 'default' })
  // A check finds it again: the request sees all of it.
  expect(await watch()).toBe(id)
  expect((await client.plain('GET', `/jobs/${id}`, id)).body).toMatchObject({ source: 'request', by: 'default', state: 'queued' })
  expect(await waiting(stack.name)).toEqual([id])
  const second = await world.start('worker', settings)
  const job = await ended(id)
  expect(job).toMatchObject({ ok: true, source: 'request', by: 'default' })
  expect(job.changes.map(({ service }: { service: string }) => service)).toEqual(['db', 'web'])
  await untilPage(stack, 'v2')

  await second.stop()
  await push('v3')
  const { job_id: asked } = await ask()
  expect(await watch()).toBe(asked)
  expect(await waiting(stack.name)).toEqual([asked])
  await world.start('worker', settings)
  const next = await ended(asked)
  expect(next).toMatchObject({ ok: true, source: 'request', by: 'default' })
  expect(next.changes.map(({ service }: { service: string }) => service)).toEqual(['db', 'web'])
  await untilPage(stack, 'v3')
})
