import { afterAll, describe, expect, it } from 'vitest'
import { playWorker } from '../../lab/play-worker.ts'
import { digestOf, publishStacks } from '../../lab/publish-stacks.ts'
import { until } from '../../lab/until.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const releases = [{ number: 7, at: '2026-01-01T12:00:00.000Z', job_id: null, by: null, current: true, verified: true, services: {} }]
await publishStacks(redis.url, 'nas', ['media', 'idle'], { media: releases })
const { client } = await world.start('api', { REDIS_URL: redis.url, DASHBOARD_USER: 'operator', DASHBOARD_PASSWORD: 'hunter22' })
await until('the stacks', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks.length === 2)
const login = { Authorization: `Basic ${Buffer.from('operator:hunter22').toString('base64')}` }
let succeeds = false
const worker = playWorker(redis.url, 'nas', 'media', () =>
  succeeds ? {} : { state: 'failed', code: 'step_failed', message: 'The step "up" failed.' },
)
afterAll(() => worker.close())

const retry = (jobId: string, queue = 'media@nas') =>
  client.raw('PUT', `/dashboard/api/queues/${encodeURIComponent(queue)}/${jobId}/retry`, { ...login, 'Sec-Fetch-Site': 'same-origin' })
const read = async (jobId: string) => (await client.plain('GET', `/jobs/${jobId}`, jobId)).body
/** The newest job once it has ended, and is not the given one. */
const newest = (before: string) =>
  until('the new job to end', async () => {
    const [job] = (await client.plain('GET', '/jobs?stack=media&limit=1', 'jobs')).body.jobs
    return job.job_id !== before && job.ok !== null && job
  })

describe('a retry from the dashboard', () => {
  it('is a new job that asks for the same, and leaves the ended one as it was', async () => {
    succeeds = false
    const expected = { web: digestOf('a') }
    const failed = (await client.plain('POST', '/deploy/media?wait=true', 'media', { expect: expected })).body
    expect(failed).toMatchObject({ ok: false, source: 'request', expect: expected })
    const before = await read(failed.job_id)
    succeeds = true
    expect((await retry(failed.job_id)).status).toBe(204)
    const again = await newest(failed.job_id)
    expect(again).toMatchObject({ ok: true, action: 'deploy', source: 'retry', by: 'dashboard:operator', expect: expected })
    expect(worker.taken.at(-1)).toMatchObject({ job_id: again.job_id, source: 'retry', caller: 'dashboard:operator', expect: expected })
    expect(await read(failed.job_id)).toEqual(before)
  })

  it('goes to the same release, also of a job that ended well', async () => {
    succeeds = true
    const back = (await client.timed('POST', '/stacks/media/rollback?wait=true', { to: 7 })).body
    expect(back).toMatchObject({ ok: true, to: 7 })
    expect((await retry(back.job_id)).status).toBe(204)
    expect(await newest(back.job_id)).toMatchObject({ ok: true, action: 'rollback', to: 7, source: 'retry' })
    expect(await read(back.job_id)).toEqual({ ...back, coalesced: false })
  })

  it('is refused for a job that has not ended, is not there, or is in another queue', async () => {
    const { body } = await client.plain('POST', '/deploy/idle', 'idle')
    expect(await retry(body.job_id, 'idle@nas')).toMatchObject({ status: 422, body: { code: 'invalid_request' } })
    expect((await retry(body.job_id)).status).toBe(404)
    expect((await retry('0199aaaa-0000-7000-8000-000000000000')).status).toBe(404)
    expect(await read(body.job_id)).toMatchObject({ state: 'queued' })
  })

  it('is one at a time: not of all that failed', async () => {
    const all = await client.raw('PUT', '/dashboard/api/queues/media%40nas/retry/failed', { ...login, 'Sec-Fetch-Site': 'same-origin' })
    expect(all.status).toBe(403)
  })
})
