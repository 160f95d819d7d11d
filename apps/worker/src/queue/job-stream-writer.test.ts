import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { connectRedis, PATIENT } from '@deployer/shared/connect-redis'
import { JOB_STREAM_BYTES, jobStreamKey } from '@deployer/shared/job-stream'
import { createLogger } from '@deployer/shared/logger'
import { createJobStreamWriter } from './job-stream-writer.ts'

const folder = mkdtempSync(join(tmpdir(), 'deployer-stream-'))
const socket = join(folder, 'redis.sock')
const server = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', ''], { stdio: 'ignore' })
// Its commands wait until the server is there.
const redis = connectRedis(`unix:${socket}`, 'test', createLogger('silent', 'test', []), PATIENT)
afterAll(() => {
  redis.disconnect()
  server.kill()
})

async function read(id: string): Promise<{ event: string; line?: string; name?: string }[]> {
  const entries = await redis.xrange(jobStreamKey(id), '-', '+')
  return entries.map(([, [, event = '', , data = '']]) => ({ event, ...(JSON.parse(data) as { line?: string }) }))
}

const LINES = 400_000
const leftOut = (line = '') => Number(/^… (\d+) lines left out/.exec(line)?.[1] ?? 0)

it(
  'of a job that says 64 MB at once keeps the beginning, the end and every step, and says what was left out',
  { timeout: 60_000 },
  async () => {
    const writer = createJobStreamWriter(redis, 'flood', 60, () => undefined)
    for (let number = 0; number < LINES; number++) {
      if (number === LINES / 2) writer.add('step', { name: 'up', state: 'running' })
      writer.add('log', { step: 'up', line: `${number} ${'x'.repeat(160)}` })
    }
    writer.add('step', { name: 'up', state: 'ended' })
    await writer.flush()
    const entries = await read('flood')
    expect(entries.length).toBeLessThan(2000)
    expect(entries.filter(({ event }) => event === 'step')).toHaveLength(2)
    const lines = entries.filter(({ event }) => event === 'log').map(({ line }) => line ?? '')
    expect(lines[0]).toMatch(/^0 /)
    expect(lines.at(-1)).toMatch(new RegExp(`^${LINES - 1} `))
    const notes = lines.filter((line) => leftOut(line) > 0)
    expect(notes.reduce((sum, line) => sum + leftOut(line), 0) + lines.length - notes.length).toBe(LINES)
    const numbers = lines.filter((line) => !notes.includes(line)).map((line) => Number.parseInt(line, 10))
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  },
)

it('bounds long lines by their characters', async () => {
  const writer = createJobStreamWriter(redis, 'wide', 60, () => undefined)
  for (let number = 0; number < 1000; number++) writer.add('log', { step: 'up', line: `${number} ${'x'.repeat(16_000)}` })
  await writer.flush()
  const entries = await read('wide')
  expect(entries.reduce((sum, { line = '' }) => sum + line.length, 0)).toBeLessThan(1_100_000)
  expect(entries.at(-1)?.line).toMatch(/^999 /)
})

it('loses nothing of what comes at a pace that Redis can keep', async () => {
  const writer = createJobStreamWriter(redis, 'calm', 60, () => undefined)
  for (let number = 0; number < 3000; number++) {
    writer.add('log', { step: 'up', line: String(number) })
    if (number % 300 === 0) await writer.flush()
  }
  await writer.flush()
  expect((await read('calm')).map(({ line }) => line)).toEqual(Array.from({ length: 3000 }, (_, number) => String(number)))
})

it('of a job that says ever more keeps the newest within its bytes, and Redis knows what was the last to go', async () => {
  const writer = createJobStreamWriter(redis, 'long', 60, () => undefined)
  for (let number = 0; number < 200; number++) {
    for (let part = 0; part < 10; part++) writer.add('log', { step: 'up', line: `${number}.${part} ${'x'.repeat(1000)}` })
    await writer.flush()
  }
  const key = jobStreamKey('long')
  expect(await redis.memory('USAGE', key, 'SAMPLES', 0)).toBeLessThanOrEqual(JOB_STREAM_BYTES)
  expect((await read('long')).at(-1)?.line).toMatch(/^199\.9 /)
  expect((await read('long')).length).toBeGreaterThan(500)
  const info = (await redis.xinfo('STREAM', key)) as string[]
  const deleted = info[info.indexOf('max-deleted-entry-id') + 1] ?? '0-0'
  const oldest = (await redis.xrange(key, '-', '+', 'COUNT', 1))[0]?.[0] ?? ''
  // Entries of one batch have neighbouring ids.
  expect(deleted).not.toBe('0-0')
  expect(await redis.xrange(key, deleted, oldest)).toHaveLength(1)
})
