import { afterAll, describe, expect, it } from 'vitest'
import { join } from 'node:path'
import type { Change, PlannedService, RunReport } from '@deployer/shared/job'
import type { ReleaseSummary } from '@deployer/shared/releases'
import { command } from '../../lab/command.ts'
import { playWorker } from '../../lab/play-worker.ts'
import { digestOf, publishStacks } from '../../lab/publish-stacks.ts'
import { runDeployer } from '../../lab/run-deployer.ts'
import { until } from '../../lab/until.ts'
import { useRedis, useWorld } from '../support.ts'

const repository = join(import.meta.dirname, '../..')
const world = useWorld()
const redis = await useRedis()
const [old, fresh] = [digestOf('a'), digestOf('b')]
const release = (number: number, digest: string, more: Partial<ReleaseSummary>): ReleaseSummary => {
  const services = { web: { image: 'registry/app:latest', digest }, built: { image: 'media-built', digest: null } }
  return { number, at: `2026-01-0${number}T12:00:00.000Z`, job_id: null, by: 'ci-media', current: false, verified: true, services, ...more }
}
const releases = [release(9, fresh, { current: true }), release(8, old, {}), release(7, old, { by: null, verified: false })]
await publishStacks(redis.url, 'nas', ['media', 'both'], { media: releases })
await publishStacks(redis.url, 'attic', ['both'], { both: [release(3, old, {})] })
const { client } = await world.start('api', { REDIS_URL: redis.url })
await until('the stacks', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks.length === 3)
let end: Partial<RunReport> = {}
const worker = playWorker(redis.url, 'nas', 'media', () => end)
afterAll(() => worker.close())
const env = { DEPLOYER_URL: client.url, DEPLOY_SECRET: world.secret }
const deployer = (...args: string[]) => runDeployer(args, env)

const service = (name: string, action: PlannedService['action'], more: Partial<PlannedService> = {}): PlannedService => {
  return { service: name, image: `registry/${name}:latest`, action, why: null, from: old, to: old, ...more }
}
const plan = [
  service('web', 'recreate', { why: 'image', to: fresh }),
  service('cache', 'create', { why: 'missing', from: null }),
  service('db', 'keep'),
  service('legacy', 'remove', { to: null }),
]

describe('deployer releases', () => {
  it('is a table with short digests', async () => {
    const { code, stdout } = await deployer('releases', 'media')
    expect(code).toBe(0)
    expect(stdout.trimEnd().split('\n')).toEqual([
      'RELEASE  WHEN                      BY        CURRENT  VERIFIED  SERVICES',
      '9        2026-01-09T12:00:00.000Z  ci-media  yes      yes       web bbbbbbbbbbbb, built -',
      '8        2026-01-08T12:00:00.000Z  ci-media  -        yes       web aaaaaaaaaaaa, built -',
      '7        2026-01-07T12:00:00.000Z  -         -        no        web aaaaaaaaaaaa, built -',
    ])
  })

  it('is JSON with --json, and of one host with --host', async () => {
    expect(JSON.parse((await deployer('releases', 'media', '--json')).stdout)).toEqual(releases)
    expect(JSON.parse((await deployer('releases', 'both', '--host', 'attic', '--json')).stdout)).toMatchObject([{ number: 3 }])
    expect(await deployer('releases', 'both')).toMatchObject({ code: 3, stderr: expect.stringContaining('Pick one') })
  })
})

describe('deployer rollback', () => {
  it('goes to a release by its number', async () => {
    end = { release: 8 }
    const { code, stdout } = await deployer('rollback', 'media', '--to', '8')
    expect([code, stdout]).toEqual([0, expect.stringContaining('rolled back')])
    expect(stdout).toContain('release 8 runs')
    expect(worker.taken.at(-1)).toMatchObject({ action: 'rollback', to: 8 })
    await deployer('rollback', 'media')
    expect(worker.taken.at(-1)?.to).toBeUndefined()
  })

  it.each([['0'], ['-1'], ['1.5'], ['seven']])('does not take %s for one', async (to) => {
    expect(await deployer('rollback', 'media', `--to=${to}`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('number of a release'),
    })
  })

  it('ends with 3 for one that is not there, and with 1 when the way back fails', async () => {
    expect(await deployer('rollback', 'media', '--to', '4')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('release_not_found'),
    })
    end = { state: 'failed', code: 'rollback_failed', message: 'web is down.' }
    expect(await deployer('rollback', 'media')).toMatchObject({ code: 1, stdout: expect.stringContaining('rollback_failed: web is down.') })
  })
})

describe('deployer plan', () => {
  it('is a table of what would happen to each service', async () => {
    end = { plan }
    const { code, stdout } = await deployer('plan', 'media')
    expect(code).toBe(0)
    expect(stdout.trimEnd().split('\n')).toEqual([
      'SERVICE  ACTION    WHY      FROM          TO',
      'web      recreate  image    aaaaaaaaaaaa  bbbbbbbbbbbb',
      'cache    create    missing  -             aaaaaaaaaaaa',
      'db       keep      -        aaaaaaaaaaaa  aaaaaaaaaaaa',
      'legacy   remove    -        aaaaaaaaaaaa  -',
    ])
    expect(worker.taken.at(-1)).toMatchObject({ action: 'plan' })
  })

  it('shows what would be removed in red, on a terminal alone', async () => {
    end = { plan }
    const line = `stty cols 100; ${process.execPath} launcher/deployer.ts plan media`
    const terminal = { ...env, CI: undefined, TERM: 'xterm' }
    const drawn = (await command('script', ['-qec', line, '/dev/null'], terminal, repository)).split('\n')
    expect(drawn.find((row) => row.includes('legacy'))).toContain('\u001b[31mlegacy')
    expect(drawn.find((row) => row.startsWith('web'))).not.toContain('\u001b')
  })

  it('ends with 3 when a deploy would be refused, and says why', async () => {
    end = { plan, refusal: { code: 'disk_full', message: 'Less than 1 GB is free.' } }
    const { code, stdout } = await deployer('plan', 'media')
    expect([code, stdout]).toEqual([
      3,
      expect.stringMatching(/^legacy .*\n✗ a deploy would be refused: disk_full: Less than 1 GB is free\.\n$/m),
    ])
    const json = await deployer('plan', 'media', '--json')
    expect([json.code, JSON.parse(json.stdout)]).toMatchObject([3, { action: 'plan', plan, refusal: { code: 'disk_full' } }])
    end = { plan: [], refusal: { code: 'not_running', message: 'Nothing runs.' } }
    expect((await deployer('plan', 'media')).stdout).toBe('✗ a deploy would be refused: not_running: Nothing runs.\n')
  })

  it('says when there is nothing to do, and when the plan fails', async () => {
    end = { plan: [service('db', 'keep')] }
    expect(await deployer('plan', 'media')).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing would change') })
    end = { state: 'failed', code: 'step_failed', message: 'The step "config" failed.' }
    expect(await deployer('plan', 'media')).toMatchObject({ code: 1, stdout: expect.stringContaining('The step "config" failed.') })
  })
})

describe('deployer deploy', () => {
  it('sends what is expected', async () => {
    end = {}
    const { code } = await deployer('deploy', 'media', '--expect', `web=${fresh}`, '--expect', `db=${old}`)
    expect(code).toBe(0)
    expect(worker.taken.at(-1)?.expect).toEqual({ web: fresh, db: old })
  })

  it.each([['web'], ['web=latest'], [`=${digestOf('a')}`], ['web=sha256:abc']])('does not take %s for an expectation', async (expected) => {
    expect(await deployer('deploy', 'media', '--expect', expected)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('service=sha256:'),
    })
  })

  it('ends with 3 when another image is there', async () => {
    end = { state: 'failed', code: 'wrong_image', message: 'web has another digest.' }
    expect((await deployer('deploy', 'media', '--expect', `web=${fresh}`)).code).toBe(3)
  })
})

describe('deployer job', () => {
  it('tells who asked, why each service changed, between which digests, what runs now and what is broken', async () => {
    const change = (name: string, more: Partial<Change>): Change => {
      const from = { from: digestOf('1'), from_digest: old }
      const image = { image: `registry/${name}:latest`, from_version: null, to_version: null, source: null }
      return { service: name, ...image, why: 'image', ...from, to: digestOf('2'), to_digest: fresh, ...more }
    }
    const changes = [
      change('web', {}),
      change('built', { from_digest: null, to_digest: null }),
      change('api', { why: 'definition', to: digestOf('1'), to_digest: old }),
      change('cache', { why: 'missing', from: null, from_digest: null }),
      change('legacy', { why: null, to: null, to_digest: null }),
    ]
    end = { changes, release: 12, degraded: ['db', 'mail'] }
    const deployed = await deployer('deploy', 'media', '--expect', `web=${fresh}`)
    expect(deployed.stdout).toContain('✓ media on nas: deployed (web, built, api, cache, legacy changed), release 12 runs\n')
    expect(deployed.stdout).toContain('degraded, as before: db, mail')
    const { job_id } = worker.taken.at(-1) ?? {}
    const { code, stdout } = await deployer('job', job_id ?? '')
    expect(code).toBe(0)
    for (const line of [
      '  asked by default (request)',
      '  expects web bbbbbbbbbbbb',
      '  web (image): registry/web:latest aaaaaaaaaaaa → bbbbbbbbbbbb',
      '  built (image): registry/built:latest 111111111111 → 222222222222',
      '  api (definition): registry/api:latest aaaaaaaaaaaa',
      '  cache (missing): registry/cache:latest new → bbbbbbbbbbbb',
      '  legacy: registry/legacy:latest aaaaaaaaaaaa → removed',
      '  degraded, as before: db, mail',
    ]) {
      expect(stdout.split('\n')).toContain(line)
    }
  })

  it('shows a plan again, and jobs who asked for what', async () => {
    end = { plan, refusal: { code: 'disk_full', message: 'Less than 1 GB is free.' } }
    await deployer('plan', 'media')
    const { stdout } = await deployer('job', worker.taken.at(-1)?.job_id ?? '')
    expect(stdout).toMatch(/^✓ media on nas: planned\n/)
    expect(stdout).toContain('  web      recreate  image    aaaaaaaaaaaa  bbbbbbbbbbbb\n')
    expect(stdout).toContain('  ✗ a deploy would be refused: disk_full')
    const jobs = (await deployer('jobs')).stdout
    expect(jobs).toMatch(/^JOB +STACK +HOST +ACTION +OUTCOME +BY +QUEUED\n/)
    expect(jobs).toMatch(/ rollback 8 +succeeded +default /)
  })
})

describe('deployer completion', () => {
  it('knows the new commands and options', async () => {
    const words = async (...line: string[]) => (await deployer('complete', '--', ...line)).stdout
    expect(await words('re')).toContain('releases')
    expect(await words('pl')).toContain('plan')
    expect(await words('rollback', '--')).toContain('--to')
    expect(await words('deploy', '--')).toContain('--expect')
  })
})
