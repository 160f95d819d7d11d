import { expect, it } from 'vitest'
import { until } from '../../lab/until.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()

it('while Redis is away, each API process counts by itself', async () => {
  const settings = { REDIS_URL: redis.url, RATE_LIMIT_PER_MIN: '3' }
  const [one, two] = await Promise.all([world.start('api', settings), world.start('api', settings)])
  await redis.stop('SIGKILL')
  await until('them to notice', async () => (await one.client.raw('GET', '/ready')).status === 503)
  for (const { client } of [one, two]) {
    const statuses = []
    for (let index = 0; index < 5; index++) statuses.push((await client.raw('POST', '/deploy')).status)
    expect(statuses).toEqual([401, 401, 401, 429, 429])
  }
})
