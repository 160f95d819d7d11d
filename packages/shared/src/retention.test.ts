import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, expect, it } from 'vitest'
import { KEY_PREFIX, queueName } from './queue.ts'
import { forgetRecords, jobOptions, QUEUE_OPTIONS } from './retention.ts'

const folder = mkdtempSync(join(tmpdir(), 'deployer-retention-'))
const socket = join(folder, 'redis.sock')
const server = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', ''], { stdio: 'ignore' })
const redis = new Redis(socket, { maxRetriesPerRequest: null })
redis.on('error', () => undefined)
afterAll(() => {
  redis.disconnect()
  server.kill()
})

it('looks have a share of their own in what is kept of a stack, and never push out what has changed something', async () => {
  const name = queueName('nas', 'media')
  const queue = new Queue(name, { connection: redis, ...QUEUE_OPTIONS, defaultJobOptions: jobOptions(3600) })
  // Of those that end in one millisecond Redis takes the order from their ids, as of ours, which begin with the time.
  const jobId = (action: string, ok: boolean, index: number) => `${action}-${ok}-${String(index).padStart(4, '0')}`
  const add = (action: string, count: number, ok: boolean) =>
    queue.addBulk(
      Array.from({ length: count }, (_, index) => ({ name: action, data: { ok, index }, opts: { jobId: jobId(action, ok, index) } })),
    )
  await add('deploy', 140, true)
  await add('rollback', 45, false)
  await add('check', 190, true)
  await add('check', 15, false)
  await add('plan', 15, true)
  let left = 405
  const worker = new Worker(name, async ({ data }) => (data.ok ? undefined : Promise.reject(new Error('no'))), {
    connection: redis,
    prefix: KEY_PREFIX,
    skipVersionCheck: true,
  })
  await new Promise<void>((resolve) => {
    // What a worker does when a job has ended.
    const ended = () => void forgetRecords(redis, name).then(() => --left === 0 && resolve())
    worker.on('completed', ended).on('failed', ended)
  })
  const kept = async (type: 'completed' | 'failed') => {
    const counts: Record<string, number[]> = {}
    for (const { name: action, data } of await queue.getJobs([type])) (counts[action] ??= []).push(data.index)
    return Object.fromEntries(Object.entries(counts).map(([action, list]) => [action, [list.length, Math.min(...list)]]))
  }
  expect(await kept('completed')).toEqual({ deploy: [130, 10], check: [5, 185], plan: [15, 0] })
  expect(await kept('failed')).toEqual({ rollback: [40, 5], check: [10, 5] })
  await worker.close()
  await queue.close()
  const keys = (await redis.keys(`${KEY_PREFIX}:${name}:*`)).filter((key) => /-(true|false)-/.test(key))
  expect(keys).toHaveLength(200)
})
