import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { afterAll, expect, it, vi } from 'vitest'
import { connectRedis, PATIENT } from '@deployer/shared/connect-redis'
import { Every } from '@deployer/shared/every'
import { createLogger } from '@deployer/shared/logger'
import { tickQueue } from '@deployer/shared/queue'
import { QUEUE_OPTIONS } from '@deployer/shared/retention'
import { createTicks, scheduleName } from './ticks.ts'

const folder = mkdtempSync(join(tmpdir(), 'deployer-ticks-'))
const socket = join(folder, 'redis.sock')
const server = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', ''], { stdio: 'ignore' })
const logger = createLogger('silent', 'test', [])
const redis = connectRedis(`unix:${socket}`, 'test', logger, PATIENT)
const queue = new Queue(tickQueue('nas'), { connection: redis, ...QUEUE_OPTIONS })
const zone = 'Europe/Berlin'
const woken: string[][] = []
const stopping = new AbortController()
const ticks = createTicks(
  { redis, host: 'nas', zone, logger, stopping: stopping.signal },
  {
    round: async () => undefined,
    wake: async (stacks) => {
      woken.push(stacks)
      if (stacks.includes('bad')) throw new Error('a test')
    },
  },
)
afterAll(async () => {
  stopping.abort(new Error('over'))
  await ticks.stop()
  await queue.close()
  redis.disconnect()
  server.kill()
})
const schedulesOf = (...texts: string[]) =>
  new Map(
    texts.map((text) => {
      const every = Every.parse(text)
      return [scheduleName(every, zone) ?? '', every]
    }),
  )

it('ticks by durations and by cron lines in the zone that is set, and leaves alone what has not changed', async () => {
  await ticks.sync(schedulesOf('6h', '30 4 * * *'), true)
  const schedulers = await queue.getJobSchedulers()
  const cronOf = (list: typeof schedulers) => list.find(({ pattern }) => pattern)
  const cron = cronOf(schedulers)
  const at = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' }).format(cron?.next)
  expect([cron?.pattern, cron?.tz, at]).toEqual(['30 4 * * *', zone, '04:30'])
  expect(schedulers.map(({ every }) => every)).toContain(6 * 3_600_000)
  await ticks.sync(schedulesOf('6h', '30 4 * * *'), true)
  expect(cronOf(await queue.getJobSchedulers())).toEqual(cron)
  await ticks.sync(schedulesOf('30 4 * * *'), true)
  expect((await queue.getJobSchedulers()).map(({ pattern }) => pattern)).toEqual(['30 4 * * *'])
})

it('wakes at a moment, once for all who plan it, and when the API asks; one that goes wrong keeps no other from coming', async () => {
  const now = Date.now()
  await Promise.all([1, 2, 3].map(() => ticks.wakeAt(now, now)))
  await vi.waitFor(() => expect(woken).toEqual([[]]), 10_000)
  for (const stack of ['bad', 'media']) await queue.add('wake', { stacks: [stack] }, { removeOnComplete: true })
  await vi.waitFor(() => expect(woken).toEqual([[], ['bad'], ['media']]), 10_000)
})
