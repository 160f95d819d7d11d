import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Finding } from '@deployer/shared/finding'
import { runDeployer } from '../../lab/run-deployer.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { engine, registry, useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const image = `${registry}/doctor:latest`
await publishImage(engine, image, 'v1')
const running = await world.addStack('running', webFile(image))
await running.compose('up', '-d')
const stopped = await world.addStack('stopped', webFile(image))
const healthy = { ...world.settings, REDIS_URL: redis.url }

async function examine(env: Record<string, string>): Promise<{ code: number; findings: Finding[] }> {
  const { code, stdout } = await runDeployer(['doctor', '--json'], env)
  return { code, findings: JSON.parse(stdout) as Finding[] }
}
const about = (findings: Finding[], text: string) => findings.find(({ what }) => what.includes(text))

describe('deployer doctor', () => {
  it('finds a sound host sound: a line per finding, exit code 0', async () => {
    await redis.cli('config', 'set', 'maxmemory-policy', 'noeviction')
    const { code, stdout } = await runDeployer(['doctor'], healthy)
    expect(code, stdout).toBe(0)
    for (const line of ['✓ DEPLOY_SECRET', '✓ Docker Engine', '✓ Docker Compose', '✓ Redis', `✓ Stack "${running.name}" is running`]) {
      expect(stdout).toContain(line)
    }
    expect(stdout).toContain(`• Stack "${stopped.name}" is not running, so deploys of it are refused. Start it once: cd ${stopped.dir}`)
    expect(stdout).toContain('Nothing must be mended.')
    expect(stdout).not.toContain(world.secret)
  })

  it.each([
    ['a weak secret', { DEPLOY_SECRET: 'hunter2' }, 'has 7 characters', 'openssl rand'],
    ['a sample secret', { DEPLOY_SECRET: 'changeme' }, 'sample', 'openssl rand'],
    ['no engine', { DOCKER_HOST: 'unix:///nowhere.sock' }, 'no Docker socket', 'Is Docker running?'],
    ['an engine that is away', { DOCKER_HOST: 'tcp://127.0.0.1:1' }, 'cannot be reached', 'Is it running?'],
    ['no compose', { HOME: '/nowhere', PATH: '/nowhere' }, 'flock was not found', 'util-linux'],
    ['a Redis that is away', { REDIS_URL: 'redis://127.0.0.1:1' }, 'Redis cannot be used', 'Check REDIS_URL'],
    ['a missing root', { STACKS_ROOT: '/nowhere' }, 'STACKS_ROOT is "/nowhere"', 'does not start'],
    ['a malformed setting', { PULL_TIMEOUT: 'long' }, 'PULL_TIMEOUT', 'does not start'],
  ])('says what to do about %s, and ends with 1', async (_, wrong, what, todo) => {
    const { code, findings } = await examine({ ...healthy, ...wrong })
    expect(code).toBe(1)
    expect(about(findings, what)).toMatchObject({ level: 'mend', todo: expect.stringContaining(todo) })
  })

  it('tells of a short password of the dashboard and a short token of the metrics, and never says them', async () => {
    const file = join(world.root, '.token')
    writeFileSync(file, 'hunter2\n')
    const { code, findings } = await examine({ ...healthy, DASHBOARD_PASSWORD: 'changeme', METRICS_TOKEN: '', METRICS_TOKEN_FILE: file })
    expect(code).toBe(0)
    expect(about(findings, 'DASHBOARD_PASSWORD is a sample')).toMatchObject({
      level: 'hint',
      todo: expect.stringContaining('openssl rand'),
    })
    expect(about(findings, 'METRICS_TOKEN has 7 characters; 16 or more')).toMatchObject({ level: 'hint' })
    expect(JSON.stringify(findings)).not.toMatch(/hunter2|changeme/)
    expect(about((await examine({ ...healthy, METRICS_TOKEN: world.secret })).findings, 'METRICS_TOKEN')).toBeUndefined()
  })

  it('knows of a proxy that the API was not told of', async () => {
    const api = await world.start('api', { REDIS_URL: redis.url })
    for (let index = 0; index < 3; index++) await api.client.raw('GET', '/jobs', { 'X-Forwarded-For': '203.0.113.1' })
    expect(api.logLines().filter(({ event }) => event === 'proxy_not_trusted')).toEqual([
      expect.objectContaining({ level: 'warn', peer: '127.0.0.1', header: 'X-Forwarded-For' }),
    ])
    await until('the doctor to know', async () => {
      const { findings } = await examine(healthy)
      const found = about(findings, 'X-Forwarded-For from 127.0.0.1')
      return found?.level === 'hint' && found.todo.includes('TRUSTED_PROXIES')
    })
  })

  it('sees a Redis that forgets', async () => {
    await redis.cli('config', 'set', 'maxmemory-policy', 'allkeys-lru')
    await redis.cli('config', 'set', 'appendonly', 'no')
    const { code, findings } = await examine(healthy)
    await redis.cli('config', 'set', 'maxmemory-policy', 'noeviction')
    await redis.cli('config', 'set', 'appendonly', 'yes')
    expect(code).toBe(1)
    expect(about(findings, 'allkeys-lru')).toMatchObject({ level: 'mend', todo: 'Set maxmemory-policy noeviction.' })
    expect(about(findings, 'no append-only file')).toMatchObject({ level: 'mend' })
    await redis.cli('config', 'set', 'appendfsync', 'everysec')
    expect(about((await examine(healthy)).findings, 'everysec')).toMatchObject({ level: 'hint' })
  })

  it('tells of each stack why it could not be deployed, without its secrets', async () => {
    const dotEnv = { '.env': 'PASSWORD=a-password-of-doctor\n' }
    const broken = await world.addStack('broken', () => 'services:\n  web:\n    image: web\n    cpus: ${PASSWORD}\n', dotEnv)
    const taker = await world.addStack('taker', webFile(image))
    taker.write('compose.yaml', `name: ${running.name}\n${webFile(image)(1)}`)
    const mistaken = await world.addStack('mistaken', webFile(image, 'x-deployer: { windwo: "02:00-05:00" }\n'))
    mkdirSync(join(world.root, 'empty'))
    mkdirSync(join(world.root, 'not a name'))
    symlinkSync('/usr/share', join(world.root, 'outside'))
    const { code, findings } = await examine(healthy)
    expect(code).toBe(1)
    expect(about(findings, `"${broken.name}"`)).toMatchObject({ level: 'mend', what: expect.stringContaining('not valid') })
    expect(about(findings, `"${taker.name}"`)).toMatchObject({ level: 'mend', what: expect.stringContaining('project_conflict') })
    expect(about(findings, `Nothing of stack "${mistaken.name}"`)).toMatchObject({ level: 'mend', what: expect.stringContaining('windwo') })
    expect(about(findings, '"outside"')).toMatchObject({ level: 'mend', what: expect.stringContaining('stack_outside_root') })
    expect(about(findings, '"empty"')).toMatchObject({ level: 'hint' })
    expect(about(findings, '"not a name"')).toMatchObject({ level: 'hint' })
    expect(JSON.stringify(findings)).not.toContain('a-password-of-doctor')
  })
})
