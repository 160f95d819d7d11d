import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import { holdsKey, skipsKey, type StackUpdates, type Update, updatesKey } from '@deployer/shared/updates'
import { createClient } from '../../lab/client.ts'
import { playWorker } from '../../lab/play-worker.ts'
import { digestOf, publishStacks } from '../../lab/publish-stacks.ts'
import { until } from '../../lab/until.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
await publishStacks(redis.url, 'nas', ['media', 'both', 'quiet'])
await publishStacks(redis.url, 'attic', ['both'])
const key = (id: string, ...actions: string[]) =>
  `  - {id: ${id}, secret: the-secret-of-${id}, stacks: [media, quiet], actions: [${actions.join()}]}\n`
const file = join(world.root, '.keys.yaml')
writeFileSync(
  file,
  `keys:\n${key('checker', 'check', 'read')}${key('holder', 'hold', 'read')}${key('deployer', 'deploy', 'read', 'cancel', 'rollback')}`,
)
const api = await world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: file })
const { client } = api
await until('the stacks', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks.length === 4)
const connection = new Redis(redis.url)
const worker = playWorker(redis.url, 'nas', 'media', () => ({}))
afterAll(async () => {
  await worker.close()
  connection.disconnect()
})

/** A client that signs with a scoped key, each time in another second. */
const clients = new Map<string, ReturnType<typeof createClient>>()
function as(id: string): ReturnType<typeof createClient>['timed'] {
  const own = clients.get(id) ?? createClient(client.url, `the-secret-of-${id}`)
  clients.set(id, own)
  return (method, path, body, headers) => own.timed(method, path, body, { ...headers, 'X-Key-Id': id })
}
const outcome = async (answer: Promise<{ status: number; body: any }>) => {
  const { status, body } = await answer
  return [status, body.code ?? null]
}

const newer: Update = {
  service: 'web',
  image: 'registry/app:latest',
  running: digestOf('a'),
  available: digestOf('b'),
  first_seen: '2026-01-01T00:00:00.000Z',
  eligible_at: '2026-01-02T00:00:00.000Z',
  state: 'cooling',
}
const unknown: Update = { ...newer, service: 'db', available: null, first_seen: null, eligible_at: null, state: 'unknown' }
const checked_at = '2026-01-01T12:00:00.000Z'
/** What a worker does when it has checked. */
const publish = (stack: string, updates: Update[]) =>
  connection.hset(updatesKey('nas'), stack, JSON.stringify({ checked_at, updates } satisfies StackUpdates))
const listed = async (stack: string) => {
  const { stacks } = (await client.plain('GET', '/stacks', 'stacks')).body
  return stacks.find((one: any) => one.stack === stack && one.host === 'nas')
}

describe('GET /stacks', () => {
  it('tells what is known of new images, and says where nothing is', async () => {
    expect(await listed('quiet')).toMatchObject({ updates: [], checked_at: null, hold: null })
    await publish('media', [newer, unknown])
    expect(await listed('media')).toMatchObject({ updates: [newer, unknown], checked_at, hold: null })
    // What a later release may write there.
    await connection.hset(updatesKey('nas'), 'quiet', '{"updates": 7}')
    expect(await listed('quiet')).toMatchObject({ updates: [], checked_at: null })
  })
})

describe('POST /stacks/{stack}/check', () => {
  it('is a job that checks, which can be waited for', async () => {
    const { status, body, headers } = await client.timed('POST', '/stacks/media/check')
    expect([status, body.action, body.source, body.by]).toEqual([202, 'check', 'request', 'default'])
    expect(headers.get('location')).toBe(`/jobs/${body.job_id}`)
    await client.plain('GET', `/jobs/${body.job_id}?wait=true`, body.job_id)
    const waited = await as('checker')('POST', '/stacks/media/check?wait=true', { host: 'nas' })
    expect([waited.status, waited.body.action, waited.body.ok, waited.body.by]).toEqual([200, 'check', true, 'checker'])
  })

  it('has one job that waits for all who ask', async () => {
    const first = await client.timed('POST', '/stacks/quiet/check')
    expect((await client.timed('POST', '/stacks/quiet/check')).body).toMatchObject({ job_id: first.body.job_id, coalesced: true })
  })
})

describe('POST /stacks/{stack}/skip', () => {
  it('leaves out the digest that is there, and no other', async () => {
    await publish('media', [newer, unknown])
    const { status, body } = await as('checker')('POST', '/stacks/media/skip', { service: 'web' })
    expect([status, body]).toEqual([200, { stack: 'media', host: 'nas', service: 'web', image: newer.image, digest: digestOf('b') }])
    expect(await connection.hgetall(skipsKey('nas'))).toEqual({ 'media/web': digestOf('b') })
    expect((await listed('media')).updates[0].state).toBe('skipped')
    const log = await until('the line', () => api.logLines().find(({ event }) => event === 'update_skipped'))
    expect(log).toMatchObject({
      stack: 'media',
      host: 'nas',
      service: 'web',
      digest: digestOf('b'),
      caller: 'checker',
      client: '127.0.0.1',
    })
    // The name has moved on.
    await publish('media', [{ ...newer, available: digestOf('c') }])
    expect((await listed('media')).updates[0].state).toBe('cooling')
  })

  it.each([
    ['without a service', {}, [422, 'invalid_request']],
    ['with one that is no name', { service: 7 }, [422, 'invalid_request']],
    ['of a service that is not there', { service: 'nobody' }, [404, 'service_not_found']],
    ['of one whose registry did not answer', { service: 'db' }, [409, 'no_update']],
  ])('is refused %s', async (_, body, refusal) => {
    await publish('media', [newer, unknown])
    expect(await outcome(client.timed('POST', '/stacks/media/skip', body))).toEqual(refusal)
  })

  it('is refused where nothing is newer', async () => {
    await publish('media', [])
    expect(await outcome(client.timed('POST', '/stacks/media/skip', { service: 'web' }))).toEqual([409, 'no_update'])
    expect(await outcome(client.timed('POST', '/stacks/none/skip', { service: 'web' }))).toEqual([404, 'stack_not_found'])
  })
})

describe('a hold', () => {
  it('is set with its reason, by whom and until when, is told, and released, any number of times', async () => {
    const { status, body } = await as('holder')('PUT', '/stacks/media/hold', { reason: ' a new disk ', until: '2999-01-01T02:00:00+02:00' })
    const hold = { reason: 'a new disk', until: '2999-01-01T00:00:00.000Z', by: 'holder', since: body.hold.since }
    expect([status, body]).toEqual([200, { stack: 'media', host: 'nas', hold }])
    expect((await listed('media')).hold).toEqual(hold)
    expect((await as('holder')('PUT', '/stacks/media/hold', { reason: 'longer' })).body.hold).toMatchObject({
      reason: 'longer',
      until: null,
    })
    for (const _ of ['first', 'again']) {
      const released = await as('holder')('DELETE', '/stacks/media/hold')
      expect([released.status, released.body]).toEqual([200, { stack: 'media', host: 'nas', hold: null }])
      expect((await listed('media')).hold).toBeNull()
    }
    const lines = await until('the lines', () => {
      const found = api.logLines().filter(({ event }) => event === 'stack_held' || event === 'stack_released')
      return found.length === 3 && found
    })
    expect(lines).toMatchObject([
      { event: 'stack_held', stack: 'media', host: 'nas', reason: 'a new disk', until: hold.until, caller: 'holder', client: '127.0.0.1' },
      { event: 'stack_held', reason: 'longer', until: null },
      { event: 'stack_released', stack: 'media', reason: 'longer', caller: 'holder' },
    ])
  })

  it('whose time is over is none', async () => {
    const over = { reason: 'r', until: '2020-01-01T00:00:00.000Z', by: 'x', since: '2019-01-01T00:00:00.000Z' }
    await connection.hset(holdsKey('nas'), 'media', JSON.stringify(over))
    expect((await listed('media')).hold).toBeNull()
  })

  it('is in the way of what only waited for its time, until it is released', async () => {
    await publish('media', [newer, { ...unknown, state: 'local' }])
    await connection.del(skipsKey('nas'))
    await client.timed('PUT', '/stacks/media/hold', { reason: 'r' })
    expect((await listed('media')).updates.map(({ state }: Update) => state)).toEqual(['held', 'local'])
    await publish('media', [{ ...newer, state: 'held' }])
    await client.timed('DELETE', '/stacks/media/hold')
    expect((await listed('media')).updates.map(({ state }: Update) => state)).toEqual(['pending'])
  })

  it.each([
    ['without a reason', {}],
    ['with an empty one', { reason: '  ' }],
    ['with one too long', { reason: 'x'.repeat(501) }],
    ['until a time without a zone', { reason: 'r', until: '2999-01-01T00:00:00' }],
    ['until a time that is over', { reason: 'r', until: '2020-01-01T00:00:00Z' }],
    ['until a time that cannot be written', { reason: 'r', until: '9999-12-31T23:59:59-12:00' }],
    ['until a word', { reason: 'r', until: 'tomorrow' }],
  ])('is refused %s', async (_, body) => {
    expect(await outcome(client.timed('PUT', '/stacks/media/hold', body))).toEqual([422, 'invalid_request'])
    expect((await listed('media')).hold).toBeNull()
  })

  it('needs the host where several have the stack, in the address or in the body', async () => {
    expect(await outcome(client.timed('PUT', '/stacks/both/hold', { reason: 'r' }))).toEqual([409, 'stack_ambiguous'])
    expect(await outcome(client.timed('DELETE', '/stacks/both/hold'))).toEqual([409, 'stack_ambiguous'])
    expect((await client.timed('PUT', '/stacks/both/hold?host=attic', { reason: 'r' })).body).toMatchObject({ host: 'attic' })
    expect((await client.timed('PUT', '/stacks/both/hold', { reason: 'r', host: 'nas' })).body).toMatchObject({ host: 'nas' })
    expect(await connection.hkeys(holdsKey('attic'))).toEqual(['both'])
    expect((await client.timed('DELETE', '/stacks/both/hold', { host: 'attic' })).body).toMatchObject({ host: 'attic' })
    expect((await client.timed('DELETE', '/stacks/both/hold?host=nas')).body).toMatchObject({ host: 'nas' })
    expect(await outcome(client.timed('POST', '/stacks/both/skip?host=nowhere', { service: 'web' }))).toEqual([404, 'stack_not_found'])
    expect((await client.timed('POST', '/stacks/both/check', { host: 'attic' })).body).toMatchObject({ host: 'attic', state: 'queued' })
  })
})

const REQUESTS = [
  ['check', 'POST', 'check', {}],
  ['check', 'POST', 'skip', { service: 'web' }],
  ['hold', 'PUT', 'hold', { reason: 'r' }],
  ['hold', 'DELETE', 'hold', undefined],
] as const
describe.each(REQUESTS)('the action %s: %s /stacks/{stack}/%s', (action, method, path, body) => {
  it('takes no plain signature', async () => {
    expect(await outcome(client.plain(method, `/stacks/media/${path}`, 'media', body))).toEqual([401, 'signature_invalid'])
    expect(await outcome(client.raw(method, `/stacks/media/${path}`))).toEqual([401, 'signature_missing'])
  })

  it('needs a key that has it, and says nothing of stacks that the key does not see', async () => {
    const others = ['checker', 'holder', 'deployer'].filter((id) => id !== { check: 'checker', hold: 'holder' }[action])
    for (const id of others) expect(await outcome(as(id)(method, `/stacks/media/${path}`, body)), id).toEqual([403, 'forbidden'])
    for (const id of ['checker', 'holder'])
      expect(await outcome(as(id)(method, `/stacks/both/${path}?host=nas`, body))).toEqual([404, 'stack_not_found'])
    expect(await outcome(client.timed(method, `/stacks/nowhere/${path}`, body))).toEqual([404, 'stack_not_found'])
  })
})
