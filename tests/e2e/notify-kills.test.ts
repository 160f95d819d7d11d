import { Redis } from 'ioredis'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createRandom } from '../../lab/random.ts'
import { startReceiver } from '../../lab/receiver.ts'
import { until } from '../../lab/until.ts'
import { writeRun } from '../../lab/write-run.ts'
import { useRedis, useWorld } from '../support.ts'

const EVENTS = 30

const world = useWorld()
const redis = await useRedis()

it('each event is told, and under one id, while API processes are killed', async () => {
  const connection = new Redis(redis.url)
  const random = createRandom(Date.now())
  // Slow, so that processes die while they send.
  const receiver = await startReceiver((response) => void setTimeout(() => response.writeHead(204).end(), random.below(300)))
  const settings = { REDIS_URL: redis.url, NOTIFY_URLS: `json://${receiver.address}/`, LOG_LEVEL: 'silent' }
  const start = () => world.start('api', settings)
  const apis = await Promise.all([start(), start(), start()])
  const seen = () => new Set(receiver.received.map(({ headers }) => String(headers['webhook-id'])))
  let kills = 0
  const over = new AbortController()
  const keepKilling = async (which: number) => {
    while (!over.signal.aborted) {
      await delay(random.below(2000))
      await apis[which]?.stop('SIGKILL')
      kills++
      apis[which] = await start()
    }
  }
  const killing = Promise.all([0, 1, 2].map(keepKilling))
  const expected: string[] = []
  try {
    for (let event = 0; event < EVENTS; event++) {
      const end = { state: 'failed', code: 'step_failed', message: `event ${event}` } as const
      expected.push(`${await writeRun(connection, { stack: `stack-${event % 7}`, host: `host-${event}` }, end)}-end`)
      await delay(random.below(400))
    }
    await until('half of them', () => seen().size > EVENTS / 2)
  } finally {
    over.abort()
    await killing
  }
  await until('all of them', () => seen().size >= EVENTS)
  await until(
    'nothing to be on its way',
    async () => (await connection.llen('deployer:@notify:active')) + (await connection.llen('deployer:@notify:wait')) === 0,
  )
  expect(seen()).toEqual(new Set(expected))
  const { length } = receiver.received
  process.stdout.write(`${EVENTS} events, ${kills} kills, ${length - EVENTS} sent twice under the same id\n`)
  expect(await connection.xlen('deployer:outbox')).toBe(0)
  connection.disconnect()
  await receiver.stop()
})
