import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { RELEASES_KEY, type ReleaseSummary } from '@deployer/shared/releases'
import { createClient } from '../../lab/client.ts'
import { digestOf, publishStacks } from '../../lab/publish-stacks.ts'
import { until } from '../../lab/until.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const file = join(world.root, '.keys.yaml')
const secret = 'the-secret-of-a-reader-of-media'
writeFileSync(file, `keys:\n  - { id: reader, secret: ${secret}, stacks: ["media"], actions: [read] }\n`)
const release = (number: number, more: Partial<ReleaseSummary> = {}): ReleaseSummary => ({
  number,
  at: `2026-01-0${number}T12:00:00.000Z`,
  job_id: '0199aaaa-0000-7000-8000-000000000000',
  by: 'ci-media',
  current: false,
  verified: true,
  services: { web: { image: 'registry/app:latest', digest: digestOf(String(number)) }, built: { image: 'media-built', digest: null } },
  ...more,
})
const kept = [release(9, { current: true }), release(8), release(7, { job_id: null, by: null })]
await publishStacks(redis.url, 'nas', ['media', 'fresh', 'both'], { media: kept, both: [release(2)] })
await publishStacks(redis.url, 'attic', ['both'], { both: [release(3)] })
const { client } = await world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: file })
await until('the stacks', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks.length === 4)
const reader = createClient(client.url, secret)
const named = { 'X-Key-Id': 'reader' }

describe('GET /stacks/{stack}/releases', () => {
  it('tells the kept ones, the newest first', async () => {
    const { status, body } = await client.plain('GET', '/stacks/media/releases', 'media')
    expect([status, body]).toEqual([200, { stack: 'media', host: 'nas', releases: kept }])
    expect((await client.timed('GET', '/stacks/fresh/releases')).body.releases).toEqual([])
  })

  it('is that of one host, which has to be picked where several have the stack', async () => {
    const ambiguous = await client.plain('GET', '/stacks/both/releases', 'both')
    expect(ambiguous).toMatchObject({ status: 409, body: { code: 'stack_ambiguous' } })
    expect(ambiguous.body.hosts.toSorted()).toEqual(['attic', 'nas'])
    const picked = await client.plain('GET', '/stacks/both/releases?host=attic', 'both')
    expect(picked.body).toMatchObject({ host: 'attic', releases: [{ number: 3 }] })
  })

  it('needs a signature, a stack that is there and a key that may read it', async () => {
    expect((await client.raw('GET', '/stacks/media/releases')).status).toBe(401)
    expect((await client.plain('GET', '/stacks/media/releases', 'stacks')).status).toBe(401)
    expect(await client.plain('GET', '/stacks/no-such-stack/releases', 'no-such-stack')).toMatchObject({
      status: 404,
      body: { code: 'stack_not_found' },
    })
    expect((await reader.plain('GET', '/stacks/media/releases', 'media', undefined, named)).status).toBe(200)
    expect((await reader.plain('GET', '/stacks/fresh/releases', 'fresh', undefined, named)).status).toBe(404)
  })

  it('leaves out what a newer worker writes that is not known here', async () => {
    const connection = new Redis(redis.url)
    await connection.hset(RELEASES_KEY, 'fresh@nas', JSON.stringify([{ number: 'ten' }, release(1)]))
    expect((await client.timed('GET', '/stacks/fresh/releases')).body.releases).toEqual([release(1)])
    await connection.hset(RELEASES_KEY, 'fresh@nas', '{')
    expect((await client.timed('GET', '/stacks/fresh/releases?')).body.releases).toEqual([])
    connection.disconnect()
  })
})

describe('POST /stacks/{stack}/rollback', () => {
  const rollback = (body?: unknown, path = '/stacks/media/rollback') => client.timed('POST', path, body)

  it('picks a release by its number', async () => {
    expect(await rollback({ to: 7 })).toMatchObject({ status: 202, body: { action: 'rollback', to: 7, coalesced: false } })
    expect(await rollback()).toMatchObject({ status: 202, body: { to: null, coalesced: false } })
    expect(await rollback({ to: 8 })).toMatchObject({ status: 202, body: { to: 8, coalesced: false } })
    expect(await rollback({ to: 7 })).toMatchObject({ status: 202, body: { to: 7, coalesced: true } })
    const held = await rollback({ to: 7 }, '/stacks/media/rollback?wait=true&timeout=0.1')
    expect(held).toMatchObject({ status: 202, body: { state: 'queued', source: 'request', by: 'default' } })
  })

  it('takes the host from the body or the query', async () => {
    expect(await rollback({ to: 3, host: 'attic' }, '/stacks/both/rollback')).toMatchObject({ status: 202, body: { host: 'attic' } })
    expect((await rollback({ to: 3 }, '/stacks/both/rollback?host=nas')).body.code).toBe('release_not_found')
  })

  it('answers at once when there is no such release', async () => {
    const answer = await rollback({ to: 6 }, '/stacks/media/rollback?wait=true')
    expect(answer).toMatchObject({ status: 404, body: { code: 'release_not_found' } })
    expect(answer.body.detail).toContain('6')
    expect((await rollback({ to: 1 }, '/stacks/nowhere/rollback')).body.code).toBe('stack_not_found')
  })

  it.each([[{ to: 0 }], [{ to: -7 }], [{ to: 1.5 }], [{ to: '7' }], [{ to: null }], [[]], [{ host: 7 }]])('refuses %j', async (body) => {
    expect(await rollback(body)).toMatchObject({ status: 422, body: { code: 'invalid_request' } })
  })

  it('needs more than to read', async () => {
    expect((await reader.timed('POST', '/stacks/media/rollback', { to: 7 }, named)).body.code).toBe('forbidden')
  })
})

describe('POST /stacks/{stack}/plan', () => {
  it('starts a job that plans, for who may read', async () => {
    const planned = await client.timed('POST', '/stacks/media/plan')
    expect(planned).toMatchObject({ status: 202, body: { action: 'plan', state: 'queued', plan: null, refusal: null } })
    expect(planned.headers.get('location')).toBe(planned.body.status_url)
    const mine = await reader.timed('POST', '/stacks/media/plan', { host: 'nas' }, named)
    expect(mine).toMatchObject({ status: 202, body: { job_id: planned.body.job_id, coalesced: true } })
    expect((await reader.timed('POST', '/stacks/fresh/plan', undefined, named)).body.code).toBe('stack_not_found')
    const deploy = await client.plain('POST', '/deploy/media', 'media')
    expect(deploy.body).toMatchObject({ action: 'deploy', coalesced: false })
    // A body of GitHub's, or anybody's, with a member of that name.
    const event = await client.plain('POST', '/deploy/media', 'media', { to: 7 })
    expect(event.body).toMatchObject({ job_id: deploy.body.job_id, to: null })
  })

  it('takes no plain signature', async () => {
    expect(await client.plain('POST', '/stacks/media/plan', 'media')).toMatchObject({ status: 401, body: { code: 'signature_invalid' } })
  })
})
