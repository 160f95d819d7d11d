import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HEARTBEATS_KEY } from '@deployer/shared/inventory'
import type { RunReport } from '@deployer/shared/job'
import { holdsKey, skipsKey, type StackUpdates, type Update, updatesKey } from '@deployer/shared/updates'
import { playWorker } from '../../lab/play-worker.ts'
import { digestOf, publishStacks } from '../../lab/publish-stacks.ts'
import { runDeployer } from '../../lab/run-deployer.ts'
import { until } from '../../lab/until.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
await publishStacks(redis.url, 'nas', ['media', 'both'])
await publishStacks(redis.url, 'attic', ['both'])
const { client } = await world.start('api', { REDIS_URL: redis.url })
await until('the stacks', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks.length === 3)
const connection = new Redis(redis.url)
const beat = (host: string, at: number) => connection.zadd(HEARTBEATS_KEY, at, `${host} lab`)
// They stay there for as long as the test takes.
for (const host of ['nas', 'attic']) await beat(host, Date.now() + 3_600_000)
let end: Partial<RunReport> = {}
const workers = [
  playWorker(redis.url, 'nas', 'media', () => end),
  playWorker(redis.url, 'nas', 'both', () => ({})),
  playWorker(redis.url, 'attic', 'both', () => ({})),
]
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.close()))
  connection.disconnect()
})
const env = { DEPLOYER_URL: client.url, DEPLOY_SECRET: world.secret }
const deployer = (...args: string[]) => runDeployer(args, env)
const lines = (text: string) => text.trimEnd().split('\n')

const update = (service: string, more: Partial<Update>): Update => ({
  service,
  image: `registry/${service}:latest`,
  running: digestOf('a'),
  available: digestOf('b'),
  first_seen: '2026-01-01T00:00:00.000Z',
  eligible_at: null,
  state: 'pending',
  ...more,
})
const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()
const publish = (host: string, stack: string, updates: Update[]) =>
  connection.hset(updatesKey(host), stack, JSON.stringify({ checked_at: '2026-01-01T12:00:00.000Z', updates } satisfies StackUpdates))

describe('deployer updates', () => {
  it('says so where nothing is known', async () => {
    expect(await deployer('updates')).toMatchObject({
      code: 0,
      stdout: 'nothing newer is known\nnever checked: both on attic, both on nas, media\n',
    })
  })

  it('is a table of what is newer, and why it is not deployed yet', async () => {
    await publish('nas', 'media', [
      update('web', {}),
      update('db', { state: 'cooling', eligible_at: inHours(48.2) }),
      update('api', { state: 'window', eligible_at: inHours(3.1) }),
      update('job', { state: 'unknown', available: null }),
    ])
    await publish('attic', 'both', [update('web', { state: 'settling', eligible_at: inHours(0.08) })])
    await connection.hset(
      holdsKey('attic'),
      'both',
      JSON.stringify({ reason: 'moving', until: null, by: 'ops', since: '2026-01-01T00:00:00.000Z' }),
    )
    const { code, stdout } = await deployer('updates')
    expect([code, lines(stdout)]).toEqual([
      0,
      [
        'STACK          SERVICE  RUNNING       AVAILABLE     WHY NOT YET',
        'both on attic  web      aaaaaaaaaaaa  bbbbbbbbbbbb  held',
        'media          web      aaaaaaaaaaaa  bbbbbbbbbbbb  pending',
        'media          db       aaaaaaaaaaaa  bbbbbbbbbbbb  cooling, in 2 d',
        'media          api      aaaaaaaaaaaa  bbbbbbbbbbbb  window, in 3 h',
        'media          job      aaaaaaaaaaaa  -             unknown',
        'both on attic is held by ops since 2026-01-01T00:00:00.000Z: moving',
        'never checked: both on nas',
      ],
    ])
    const json = JSON.parse((await deployer('updates', '--json')).stdout)
    expect(json[2]).toMatchObject({ stack: 'media', host: 'nas', checked_at: '2026-01-01T12:00:00.000Z', hold: null })
    expect(json[2].updates).toHaveLength(4)
    expect((await deployer('stacks')).stdout).toMatch(/^both +attic +\S.*, held/m)
  })
})

describe('deployer check', () => {
  it('looks at one stack and shows what it has, or at all of them', async () => {
    const one = await deployer('check', 'media')
    expect([one.code, lines(one.stdout).slice(0, 2)]).toEqual([0, ['✓ media on nas: checked', expect.stringMatching(/^STACK /)]])
    expect(one.stdout).not.toContain('both')
    const all = await deployer('check')
    expect(all.code).toBe(0)
    for (const where of ['media on nas', 'both on nas', 'both on attic']) expect(all.stdout).toContain(`✓ ${where}: checked`)
    expect(workers.map(({ taken }) => taken.map(({ action }) => action))).toEqual([['check', 'check'], ['check'], ['check']])
  })

  it('is the job with --json, and its id with --detach', async () => {
    expect(JSON.parse((await deployer('check', 'media', '--json')).stdout)).toMatchObject({ stack: 'media', action: 'check', ok: true })
    expect(JSON.parse((await deployer('check', '--json')).stdout)).toHaveLength(3)
    expect((await deployer('check', 'both', '--host', 'attic', '--detach')).stdout).toMatch(/^[0-9a-f-]{36}\n$/)
  })

  it('of all stacks leaves those out whose host is away, and says so', async () => {
    await beat('attic', 0)
    await until('it to be away', async () =>
      (await client.plain('GET', '/stacks', 'stacks')).body.stacks.some(({ online }: any) => !online),
    )
    const { code, stdout } = await deployer('check')
    expect([code, stdout]).toEqual([0, expect.stringContaining('… both on attic: the host is away, so it is not checked')])
    expect(stdout).not.toContain('both on attic: checked')
    await beat('attic', Date.now() + 3_600_000)
    await until('it to be back', async () =>
      (await client.plain('GET', '/stacks', 'stacks')).body.stacks.every(({ online }: any) => online),
    )
  })

  it('ends with the exit code of the worst', async () => {
    end = { state: 'failed', code: 'step_failed', message: 'The step "check" failed.' }
    expect((await deployer('check')).code).toBe(1)
    end = {}
    expect(await deployer('check', 'both')).toMatchObject({ code: 3, stderr: expect.stringContaining('stack_ambiguous') })
    expect((await deployer('check', 'nothing')).code).toBe(3)
  })
})

describe('deployer skip', () => {
  it('leaves out what is newer', async () => {
    expect(await deployer('skip', 'media', 'web')).toMatchObject({
      code: 0,
      stdout: 'registry/web:latest bbbbbbbbbbbb is left out of web in media on nas, until its name has another one\n',
    })
    expect(await connection.hgetall(skipsKey('nas'))).toEqual({ 'media/web': digestOf('b') })
    expect(JSON.parse((await deployer('skip', 'media', 'db', '--json')).stdout)).toMatchObject({ service: 'db', digest: digestOf('b') })
    expect(await deployer('skip', 'media', 'job')).toMatchObject({ code: 3, stderr: expect.stringContaining('no_update') })
    expect(await deployer('skip', 'media', 'nobody')).toMatchObject({ code: 3, stderr: expect.stringContaining('service_not_found') })
    expect((await deployer('skip', 'media')).code).toBe(2)
  })
})

describe('deployer hold and release-hold', () => {
  const held = async () => JSON.parse((await connection.hget(holdsKey('nas'), 'media')) ?? 'null')
  beforeAll(() => connection.del(holdsKey('nas')))

  it('hold a stack with a reason, for a time or until a time, and release it, again and again', async () => {
    const before = Date.now()
    const { code, stdout } = await deployer('hold', 'media', '--reason', 'a new disk', '--until', '3d')
    const { until: over, ...hold } = await held()
    expect([code, hold.reason, hold.by]).toEqual([0, 'a new disk', 'default'])
    expect(Date.parse(over) - before).toBeGreaterThanOrEqual(3 * 86_400_000)
    expect(stdout).toBe(`media on nas is held by default since ${hold.since} until ${over}: a new disk\n`)
    const json = await deployer('hold', 'media', '--reason', 'longer', '--until', '2999-01-01T02:00:00+02:00', '--json')
    expect(JSON.parse(json.stdout).hold).toMatchObject({ reason: 'longer', until: '2999-01-01T00:00:00.000Z' })
    expect((await deployer('hold', 'media', '--reason', 'for good,\n  all of it')).stdout).toMatch(/: for good, all of it\n$/)
    expect(await held()).toMatchObject({ reason: 'for good,\n  all of it', until: null })
    for (const _ of ['first', 'again'])
      expect(await deployer('release-hold', 'media')).toMatchObject({ code: 0, stdout: 'nobody holds media on nas\n' })
    expect(await held()).toBeNull()
    expect(JSON.parse((await deployer('release-hold', 'both', '--host', 'attic', '--json')).stdout)).toEqual({
      stack: 'both',
      host: 'attic',
      hold: null,
    })
  })

  it.each([
    [['hold', 'media']],
    [['hold', 'media', '--reason', 'r', '--until', 'tomorrow']],
    [['hold', 'media', '--reason', 'r', '--until', '2999-01-01T00:00:00']],
    [['hold', 'media', '--reason', 'r', '--until', '0d']],
    [['release-hold']],
  ])('are used wrongly as %s', async (args) => {
    expect((await deployer(...args)).code).toBe(2)
  })

  it('end with 3 where they are refused, and a deploy that meets a hold does', async () => {
    expect((await deployer('hold', 'nothing', '--reason', 'r')).code).toBe(3)
    expect((await deployer('hold', 'both', '--reason', 'r')).code).toBe(3)
    expect(await deployer('hold', 'media', '--reason', 'r', '--until', '2020-01-01T00:00:00Z')).toMatchObject({ code: 3 })
    end = { state: 'failed', code: 'held', message: '"media" is held by "ops"' }
    expect(await deployer('deploy', 'media')).toMatchObject({ code: 3, stdout: expect.stringContaining('held by "ops"') })
    end = {}
  })

  it('stand in the completion', async () => {
    const { stdout } = await deployer('complete', '--', '')
    for (const name of ['check', 'updates', 'hold', 'release-hold', 'skip']) expect(stdout).toMatch(new RegExp(`^${name}\\b`, 'm'))
  })
})
