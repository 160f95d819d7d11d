import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue, Worker } from 'bullmq'
import { afterAll, expect, it } from 'vitest'
import { connectRedis, PATIENT } from '@deployer/shared/connect-redis'
import { createLogger } from '@deployer/shared/logger'
import { OUTBOX_KEY } from '@deployer/shared/outbox'
import { KEY_PREFIX, queueName } from '@deployer/shared/queue'
import { holdsKey } from '@deployer/shared/updates'
import { QUEUE_OPTIONS } from '@deployer/shared/retention'
import { UpdateWindow } from '@deployer/shared/update-window'
import { createFileStore, journalFolder } from '../journal/file-store.ts'
import { machineClock } from '../clock.ts'
import type { StackLook } from './look-at-stacks.ts'
import { createMemory } from './memory.ts'
import { settleStacks } from './settle-stacks.ts'
import type { Pace } from './wishes.ts'

const folder = mkdtempSync(join(tmpdir(), 'deployer-settle-'))
const socket = join(folder, 'redis.sock')
const server = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', ''], { stdio: 'ignore' })
const logger = createLogger('silent', 'test', [])
const redis = connectRedis(`unix:${socket}`, 'test', logger, PATIENT)
afterAll(() => {
  redis.disconnect()
  server.kill()
})

/** A Wednesday, as the clock that is handed in says. */
let now = Date.parse('2026-11-25T12:00:00.000Z')
const HOUR = 3_600_000
const time = (at: number) => new Date(at).toISOString()
const pace: Pace = { every: { kind: 'asked' }, window: null, minAge: 0, settle: 0 }
const memory = createMemory(folder, process.env['PATH'] ?? '', () => undefined)
const tools = {
  redis,
  logger,
  memory,
  host: 'nas',
  clock: { ...machineClock, timestamp: () => time(now) },
  wishes: { ...pace, watch: 'update' as const, zone: 'UTC' },
  journalStore: (stack: string) => createFileStore(journalFolder(folder, stack)),
  retention: 60,
}
/** A stack whose names have moved from `old` to `new`, each so many hours ago. */
async function lookAt(stack: string, moved: Record<string, number>, more: Partial<Pace> = {}): Promise<StackLook> {
  await memory.update(({ names }) => {
    for (const [service, hours] of Object.entries(moved)) {
      const seen = ['old', 'new'].map((digest, at) => ({ digest, at: time(now - (at ? hours : 99) * HOUR), offered: true }))
      names[`${stack}/${service}`] = { seen, source: 'answered', problem: null, at: time(now) }
    }
  })
  const modes = Object.fromEntries(Object.keys(moved).map((service) => [service, 'update' as const]))
  const sightings = Object.keys(moved).map((service) => {
    return { service, image: `${stack}/${service}`, mode: 'update' as const, running: ['old'], isBuilt: false, unwanted: false, labels: {} }
  })
  return { stack, dir: folder, services: {}, wishes: { ...pace, ...more, modes, problem: null, ignored: [] }, sightings }
}
const settle = (look: StackLook, deploys: boolean) => settleStacks(tools, [look], { checked: false, deploys })
const nextOf = (stack: string) => memory.read().stacks[stack]?.next ?? null
async function waiting(stack: string): Promise<unknown[]> {
  const queue = new Queue(queueName('nas', stack), { connection: redis, ...QUEUE_OPTIONS })
  const jobs = await queue.getJobs(['waiting'])
  await queue.close()
  return jobs.map(({ data }) => data.only)
}

it.each([
  ['a window that opens', { window: UpdateWindow.parse('14:00-15:00') }, 2],
  ['an age that is reached', { minAge: 3 * HOUR }, 2],
  ['images that have settled', { settle: 4 * HOUR }, 3],
])(
  '%s is due on time by the clock that is handed in, and stays so whoever makes known what is so meanwhile',
  async (what, wishes, hours) => {
    const stack = `stack-${what.length}`
    const look = await lookAt(stack, { web: 1 }, wishes)
    await settle(look, true)
    const at = time(now + hours * HOUR)
    expect([nextOf(stack), await waiting(stack)]).toEqual([at, []])
    now += hours * HOUR
    await settle(look, false)
    expect([nextOf(stack), await waiting(stack)]).toEqual([at, []])
    await settle(look, true)
    expect([nextOf(stack), await waiting(stack)]).toEqual([null, [{ web: 'new' }]])
  },
)

it('what a waiting job of watching is not about is asked for again, and what it is about is not', async () => {
  const look = await lookAt('two', { web: 3, db: 1 }, { minAge: 2 * HOUR })
  await settle(look, true)
  expect([nextOf('two'), await waiting('two')]).toEqual([time(now + HOUR), [{ web: 'new' }]])
  await settle(look, true)
  expect(nextOf('two')).toBe(time(now + HOUR))
  now += HOUR
  await settle(look, true)
  expect([nextOf('two'), await waiting('two')]).toEqual([time(now + 30_000), [{ web: 'new' }]])
  // The one that waited has begun and ended.
  await redis.flushall()
  now += 30_000
  await settle(look, true)
  expect([nextOf('two'), await waiting('two')]).toEqual([null, [{ db: 'new', web: 'new' }]])
})

it('a registry that does not answer is asked again after ever longer times, and not for ever; whoever makes known what is so changes nothing of that', async () => {
  const look = await lookAt('silent', { web: 3 })
  const answer = (source: 'answered' | 'unknown') =>
    memory.update(({ names }) => {
      const name = names['silent/web']
      if (name) name.source = source
    })
  await answer('unknown')
  const pauses: number[] = []
  for (;;) {
    await settle(look, true)
    const next = nextOf('silent')
    if (next === null) break
    await settle(look, false)
    expect(nextOf('silent')).toBe(next)
    pauses.push((Date.parse(next) - now) / 60_000)
    now = Date.parse(next)
  }
  expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 640])
  await answer('answered')
  await settle(look, false)
  await answer('unknown')
  await settle(look, true)
  expect(nextOf('silent')).toBe(time(now + 5 * 60_000))
  expect(await waiting('silent')).toEqual([])
})

it('a job of watching says what ran of its services when it was asked for', async () => {
  const look = await lookAt('alone', { web: 3 })
  await settle(look, true)
  const queue = new Queue(queueName('nas', 'alone'), { connection: redis, ...QUEUE_OPTIONS })
  const [job] = await queue.getJobs(['waiting'])
  await queue.close()
  expect(job?.data).toMatchObject({ only: { web: 'new' }, replaces: { web: ['old'] } })
})

it('what waits is told of once, however often it is decided about', async () => {
  const look = await lookAt('told', { web: 1 }, { minAge: 9 * HOUR })
  await redis.del(OUTBOX_KEY)
  for (let times = 0; times < 3; times++) await settle(look, true)
  expect(await redis.xlen(OUTBOX_KEY)).toBe(1)
})

it.each([-4, 4])('when a hold is over is judged by Redis, from whose clock that of the host differs by %d hours', async (hours) => {
  const [seconds = 0] = (await redis.time()).map(Number)
  const former = now
  now = seconds * 1000 + hours * HOUR
  const stack = `held${hours}`
  const look = await lookAt(stack, { web: 1 })
  const hold = (until: number) =>
    redis.hset(holdsKey('nas'), stack, JSON.stringify({ reason: 'why', by: 'me', since: time(0), until: time(until) }))
  await hold(seconds * 1000 + HOUR)
  await settle(look, true)
  expect(await waiting(stack)).toEqual([])
  await hold(seconds * 1000 - HOUR)
  await settle(look, true)
  expect(await waiting(stack)).toEqual([{ web: 'new' }])
  now = former
})

it('a deploy for all that runs already has seen what its names gave when it began, so what is newer is asked for behind it', async () => {
  const look = await lookAt('busy', { web: 1 })
  const queue = new Queue(queueName('nas', 'busy'), { connection: redis, ...QUEUE_OPTIONS })
  await queue.add('deploy', { stack: 'busy', host: 'nas', action: 'deploy', caller: 'ci', source: 'request' })
  const worker = new Worker(queue.name, null, { connection: redis, prefix: KEY_PREFIX, skipVersionCheck: true })
  expect(await worker.getNextJob('token')).toBeDefined()
  await settle(look, true)
  expect(await waiting('busy')).toEqual([{ web: 'new' }])
  await worker.close()
  await queue.close()
})
