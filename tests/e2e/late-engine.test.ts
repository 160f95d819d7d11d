import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { until } from '../../lab/until.ts'
import { engine, useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()

it('a worker that starts while its engine is away says which engine the host is as soon as that one answers', async () => {
  const socket = join(world.root, '.late.sock')
  const settings = { REDIS_URL: redis.url, DOCKER_HOST: `unix://${socket}` }
  const { client } = await world.start('api', { REDIS_URL: redis.url })
  await world.start('worker', settings)
  const host = async () => (await client.plain('GET', '/hosts', 'hosts')).body.hosts[0]
  expect(await until('the host', host)).toMatchObject({ online: true, engine: null })
  symlinkSync(engine.dockerHost.replace('unix://', ''), socket)
  const id = (await engine.docker('info', '--format', '{{.ID}}')).trim()
  await until('its engine', async () => (await host()).engine === id)
  expect(JSON.parse((await redis.cli('hvals', 'deployer:inventory')).trim())).toMatchObject({ engine: id })
})
