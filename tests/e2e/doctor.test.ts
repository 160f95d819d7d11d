import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Finding } from '@deployer/shared/finding'
import { command } from '../../lab/command.ts'
import { registryDigest } from '../../lab/registry-digest.ts'
import { startRegistry } from '../../lab/registry.ts'
import { runDeployer } from '../../lab/run-deployer.ts'
import { makeImage, publishImage } from '../../lab/sample-image.ts'
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
    expect(stdout).toContain('✓ No stack is watched for new images')
    expect(stdout).toContain('• NOTIFY_URLS is not set here')
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
    ['a window that never opens', { UPDATE_WINDOW: '02:00-02:00' }, 'UPDATE_WINDOW is "02:00-02:00", but must be times', 'does not start'],
    ['a malformed channel', { NOTIFY_URLS: 'discord://1/a-token ntfy://' }, 'URL 2 of 2 (ntfy://…)', 'does not start'],
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
    const mistaken = await world.addStack(
      'mistaken',
      webFile(image, 'x-deployer: { every: 1m, windwo: "02:00-05:00", window: "${PASSWORD}" }\n'),
      dotEnv,
    )
    mkdirSync(join(world.root, 'empty'))
    mkdirSync(join(world.root, 'not a name'))
    symlinkSync('/usr/share', join(world.root, 'outside'))
    const { code, findings } = await examine(healthy)
    expect(code).toBe(1)
    expect(about(findings, `"${broken.name}"`)).toMatchObject({ level: 'mend', what: expect.stringContaining('not valid') })
    expect(about(findings, `"${taker.name}"`)).toMatchObject({ level: 'mend', what: expect.stringContaining('project_conflict') })
    expect(about(findings, `Nothing of stack "${mistaken.name}"`)).toMatchObject({ level: 'mend', what: expect.stringContaining('windwo') })
    expect(about(findings, `Nothing of stack "${mistaken.name}"`)?.what).toMatch(
      /every of x-deployer must be a duration .*, and is "1m"; window of .*, and is "\*\*\*"/,
    )
    expect(about(findings, '"outside"')).toMatchObject({ level: 'mend', what: expect.stringContaining('stack_outside_root') })
    expect(about(findings, '"empty"')).toMatchObject({ level: 'hint' })
    expect(about(findings, '"not a name"')).toMatchObject({ level: 'hint' })
    expect(JSON.stringify(findings)).not.toContain('a-password-of-doctor')
  })

  it('names channels by kind, and never by their URL', async () => {
    const NOTIFY_URLS = 'discord://123456789/a-token-of-doctor jsons://me:a-token-of-doctor@example.org/'
    const { findings } = await examine({ ...healthy, NOTIFY_URLS, PUBLIC_URL: 'http://localhost:8080' })
    expect(about(findings, 'names 1 discord, 2 jsons')).toMatchObject({ level: 'ok' })
    expect(about(findings, 'PUBLIC_URL is at localhost')).toMatchObject({ level: 'hint' })
    expect(JSON.stringify(findings)).not.toContain('a-token-of-doctor')
  })

  it('asks for the images of watched stacks as a check does, says why which cannot be checked, and changes nothing', async () => {
    const closed = await startRegistry({ user: 'me', password: 'a-password-of-doctor' })
    const gone = await startRegistry()
    const names = {
      closed: `${closed.address}/app:1`,
      gone: `${gone.address}/app:1`,
      never: `${registry}/doctor-never:1`,
      local: 'doctor-local:1',
    }
    for (const name of Object.values(names)) await makeImage(engine, name, 'v1')
    const auth = Buffer.from('me:a-password-of-doctor').toString('base64')
    const login = JSON.stringify({ auths: { [closed.address]: { auth } } })
    const pinned = `${registry}/doctor@${await registryDigest(image)}`
    const images = { ...names, sound: image, pinned, left: names.gone }
    const services = Object.entries(images).map(
      ([service, name]) =>
        `  ${service}: { image: "${name}", init: true, x-deployer: { watch: ${service === 'left' ? 'off' : 'update'} } }\n`,
    )
    const file = `x-deployer: { window: "Sun 02:00-03:00" }\nservices:\n${services.join('')}`
    const stack = await world.addStack('watched', () => file, { 'login/config.json': login })
    const push = (name: string) =>
      command('docker', ['--config', `${stack.dir}/login`, 'push', '--quiet', name], { DOCKER_HOST: engine.dockerHost })
    await push(names.closed)
    await push(names.gone)
    await push(names.never)
    await engine.docker('pull', '--quiet', pinned)
    await stack.compose('up', '-d', '--pull', 'never')
    await gone.stop()
    const deleted = await fetch(`http://${registry}/v2/doctor-never/manifests/${await registryDigest(names.never)}`, { method: 'DELETE' })
    expect(deleted.status).toBe(202)
    const newest = await publishImage(engine, image, 'v2')
    const state = async () => [
      await engine.docker('image', 'inspect', '--format', '{{.Id}} {{.RepoTags}} {{.RepoDigests}}', image, ...Object.values(names)),
      await stack.containers(),
      await redis.cli('dbsize'),
      existsSync(world.settings['DATA_DIR'] ?? ''),
    ]
    const before = await state()
    const { code, findings } = await examine(healthy)
    expect(await state()).toEqual(before)
    expect(JSON.stringify(before)).not.toContain(newest.trim())
    expect(code).toBe(1)
    expect(about(findings, 'is watched:')?.what).toMatch(
      /^1 stack is watched: 4 services are updated by themselves, 0 only told of, 2 not looked at .*; cron lines and windows are meant in /,
    )
    const failing = findings.filter(({ what }) => what.startsWith('No new image'))
    expect(failing).toHaveLength(3)
    expect(about(failing, names.never)).toMatchObject({ level: 'mend', what: expect.stringContaining('has no such image') })
    expect(about(failing, `${names.closed} (${stack.name}/closed)`)).toMatchObject({
      level: 'mend',
      what: expect.stringContaining('wants a login'),
      todo: expect.stringContaining(`docker --config ${stack.dir}/.docker login ${closed.address}`),
    })
    expect(about(failing, `${names.gone} (${stack.name}/gone)`)).toMatchObject({
      level: 'mend',
      what: expect.stringContaining('connection refused'),
    })
    expect(about(findings, 'No check for new images is planned')).toMatchObject({ level: 'hint' })

    stack.write('.docker/config.json', login)
    const worker = await world.start('worker', { REDIS_URL: redis.url })
    await until('the next check to be known', async () => about((await examine(healthy)).findings, '; next check 20'))
    expect(about((await examine(healthy)).findings, names.closed)).toBeUndefined()
    await worker.stop()
    await closed.stop()
  })
})
