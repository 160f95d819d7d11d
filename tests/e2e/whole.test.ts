import { Queue } from 'bullmq'
import { randomUUIDv7 } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import type { JobData } from '@deployer/shared/job-data'
import { wholeKey } from '@deployer/shared/job-data'
import { deduplicationId, queueName } from '@deployer/shared/queue'
import { QUEUE_OPTIONS } from '@deployer/shared/retention'
import { beginRun } from '@deployer/shared/run-record'
import { digestOf, publishStacks } from '../../lab/publish-stacks.ts'
import { until } from '../../lab/until.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const stacks = ['joined', 'alone', 'whole', 'twice', 'race']
await publishStacks(redis.url, 'nas', stacks)
const { client } = await world.start('api', { REDIS_URL: redis.url })
await until('the stacks', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks.length === stacks.length)
const connection = new Redis(redis.url, { maxRetriesPerRequest: null })
afterAll(() => connection.disconnect())

/** What watching does: it asks for a deploy of some services. */
async function watched(stack: string): Promise<string> {
  const data: JobData = { stack, host: 'nas', action: 'deploy', only: { web: digestOf('a') }, source: 'watch', caller: 'watch' }
  const queue = new Queue(queueName('nas', stack), { connection, ...QUEUE_OPTIONS })
  const { id = '' } = await queue.add('deploy', data, { jobId: randomUUIDv7(), deduplication: { id: deduplicationId(data) } })
  await queue.close()
  return id
}
const asked = async (stack: string) => (await client.plain('POST', `/deploy/${stack}`, stack, { nonce: Math.random() })).body
const begin = (jobId: string, stack: string) =>
  beginRun(connection, jobId, { stack, host: 'nas', action: 'deploy', source: 'watch', caller: 'watch' }, 0)

describe('a deploy of some services that watching asks for', () => {
  it('is no more than that while nobody else asks', async () => {
    expect(await begin(await watched('alone'), 'alone')).toMatchObject({ whole: null })
  })

  it('becomes a whole one by a request that joins it, for all of its starts', async () => {
    const jobId = await watched('joined')
    expect(await asked('joined')).toMatchObject({ job_id: jobId, coalesced: true })
    expect(await connection.ttl(wholeKey(jobId))).toBeGreaterThan(300 * 86_400)
    expect(await begin(jobId, 'joined')).toMatchObject({ whole: { source: 'request', caller: 'default' }, fence: { attempt: 1 } })
    expect(await connection.exists(wholeKey(jobId))).toBe(0)
    // Its worker has died before it changed anything.
    expect(await begin(jobId, 'joined')).toMatchObject({ whole: { source: 'request', caller: 'default' }, fence: { attempt: 2 } })
  })

  it('changes nothing of a request that waits', async () => {
    const { job_id: jobId } = await asked('whole')
    expect(await watched('whole')).toBe(jobId)
    await asked('whole')
    expect(await connection.exists(wholeKey(jobId))).toBe(0)
    expect(await begin(jobId, 'whole')).toMatchObject({ whole: null })
  })

  it('that has begun is left as it is: the request gets a job of its own', async () => {
    const jobId = await watched('twice')
    await begin(jobId, 'twice')
    expect(await asked('twice')).toMatchObject({ coalesced: false, source: 'request' })
    expect(await begin(jobId, 'twice')).toMatchObject({ whole: null })
  })

  it('serves every request whole, however requests, watching and workers race', async () => {
    for (let round = 0; round < 20; round++) {
      const begun = new Map<string, boolean>()
      const done = new AbortController()
      const worker = (async () => {
        while (!done.signal.aborted || (await connection.exists('deployer:race@nas:de:deploy'))) {
          const jobId = await connection.get('deployer:race@nas:de:deploy')
          if (!jobId) continue
          const { only } = JSON.parse((await connection.hget(`deployer:race@nas:${jobId}`, 'data')) ?? '{}') as JobData
          begun.set(jobId, (await begin(jobId, 'race')).whole !== null || only === undefined)
        }
      })()
      const [answers] = await Promise.all([
        Promise.all([asked('race'), asked('race'), asked('race')]),
        watched('race'),
        watched('race'),
      ]).finally(() => done.abort())
      await worker
      for (const { job_id } of answers) expect(begun.get(job_id)).toBe(true)
    }
  })
})
