import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../lab/client.ts'
import { command } from '../../lab/command.ts'
import { buildDeployerImage, DEPLOYER_IMAGE } from '../../lab/deployer-image.ts'
import { freePort } from '../../lab/free-port.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startShipped, type Shipped } from '../../lab/shipped.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const repository = join(import.meta.dirname, '../..')
const world = useWorld()
const image = (name: string) => `${registry}/image-${name}:latest`
const socket = engine.dockerHost.replace('unix://', '')

beforeAll(() => buildDeployerImage(engine), 400_000)

describe("the project's own docker-compose.yml", () => {
  let shipped: Shipped | undefined
  afterAll(() => shipped?.close())

  it('deploys a stack, with the hardening in force', async () => {
    await publishImage(engine, image('prod'), 'v1')
    const stack = await world.addStack('prod', webFile(image('prod'), '    volumes: ["./data:/data"]\n'))
    await stack.compose('up', '-d')
    shipped = await startShipped(engine, world, { WORKER_NAME: 'prod' })
    const { client, compose } = shipped
    await publishImage(engine, image('prod'), 'v2')
    const answer = await deployAndWait(client, stack.name)
    expect(answer.body).toMatchObject({ ok: true, host: 'prod', changes: [{ service: 'web' }] })
    await untilPage(stack, 'v2')

    const [redis, api, worker] = await Promise.all((['redis', 'api', 'worker'] as const).map(shipped.inspect))
    for (const container of [redis, api, worker]) {
      expect(container.HostConfig).toMatchObject({ ReadonlyRootfs: true, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges:true'] })
      expect(container.HostConfig.RestartPolicy.Name).toBe('always')
      expect(container.HostConfig.LogConfig.Config['max-size']).toBe('10m')
      expect(container.State.Health.Status).toBe('healthy')
      expect(container.HostConfig.Privileged).toBe(false)
    }
    expect(redis.HostConfig.PortBindings).toEqual({})
    expect(api.Config.User).toBe('65532:65532')
    expect(api.Mounts.map(({ Destination, RW }: any) => [Destination, RW])).toEqual([['/run/keys', false]])
    expect(worker.HostConfig.PortBindings).toEqual({})
    expect(worker.Mounts.map((mount: any) => mount.Destination).sort()).toEqual([world.root, '/var/run/docker.sock', '/data'].sort())
    expect(worker.Config.Env.some((entry: string) => entry.includes(world.secret))).toBe(false)

    // Looked at from inside: not what was asked for, but what is.
    const inside = `const fs = require('fs'); const s = fs.readFileSync('/proc/self/status', 'utf8'); let write = 'ok'; try { fs.writeFileSync('/app/x', '') } catch (e) { write = e.code }
      console.log(JSON.stringify({ uid: process.getuid(), caps: /CapEff:\\s*(\\S+)/.exec(s)[1], nnp: /NoNewPrivs:\\s*(\\d)/.exec(s)[1], socket: fs.existsSync('/var/run/docker.sock'), stacks: fs.existsSync(${JSON.stringify(world.root)}), write }))`
    const seen = JSON.parse(await compose('exec', '-T', 'api', 'node', '-e', inside))
    expect(seen).toEqual({ uid: 65532, caps: '0000000000000000', nnp: '1', socket: false, stacks: false, write: 'EROFS' })
    // What a worker keeps is for nobody else to read, and is there for the next container.
    const kept = `const fs = require('fs'); fs.writeFileSync('/data/kept', 'x', { mode: 0o600 }); console.log((fs.statSync('/data/kept').mode & 0o777).toString(8))`
    expect(await compose('exec', '-T', 'worker', 'node', '-e', kept)).toBe('600\n')
    await compose('up', '-d', '--wait', '--force-recreate', '--no-deps', 'worker')
    expect(await compose('exec', '-T', 'worker', 'node', '-p', `fs.readFileSync('/data/kept', 'utf8')`)).toBe('x\n')
    // Who has no password can do nothing, the health check's user ping, and the API's has no administration.
    const redisCli = (...args: string[]) => compose('exec', '-T', 'redis', 'redis-cli', '--no-auth-warning', ...args)
    for (const command of [['ping'], ['keys', '*'], ['auth', 'default', '']]) expect(await redisCli(...command)).toMatch(/NOAUTH|WRONGPASS/)
    const health = ['--user', 'health', '--pass', 'any']
    expect(await redisCli(...health, 'ping')).toBe('PONG\n')
    expect(await redisCli(...health, 'keys', '*')).toContain('NOPERM')
    for (const command of [['config', 'get', 'dir'], ['flushall'], ['acl', 'list'], ['get', 'other:key']]) {
      expect(await redisCli('--user', 'api', '--pass', shipped.settings['REDIS_API_PASSWORD'] ?? '', ...command)).toContain('NOPERM')
    }
  })

  it('deploys a stack that uses what came after the Compose of Debian 13', async () => {
    await publishImage(engine, image('newer'), 'v1')
    // The override has no port of its own: with `!override` the one of compose.yaml is gone.
    const override = `services:\n  web:\n    ports: !override []\n`
    const stack = await world.addStack('newer', webFile(image('newer')), { 'compose.override.yaml': override })
    await stack.compose('up', '-d')
    const hook = `    post_start: [{ command: ["/bin/busybox", "touch", "/tmp/after-start"] }]\n`
    stack.write('compose.yaml', webFile(image('newer'), hook)(1))
    await publishImage(engine, image('newer'), 'v2')
    const { client } = shipped ?? expect.fail('docker-compose.yml is not up')
    expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, changes: [{ service: 'web' }] })
    const label = `label=com.docker.compose.project=${stack.name}`
    const web = (await engine.docker('ps', '-q', '--filter', label)).trim()
    await until('what post_start does', () => engine.docker('exec', web, '/bin/busybox', 'ls', '/tmp/after-start'))
    expect(await engine.docker('port', web)).toBe('')
  })

  it.each(['REDIS_API_PASSWORD', 'REDIS_WORKER_PASSWORD'])('does not start without %s, and says how to set it', async (missing) => {
    const envFile = join(world.root, `.without-${missing}`)
    const example = readFileSync(join(repository, '.env.example'), 'utf8')
    const filled = example.replaceAll(/^(\w+)=$/gm, (line, name) => (name === missing ? line : `${line}0123456789abcdef`))
    writeFileSync(envFile, filled)
    const config = command(
      'docker',
      ['compose', '--env-file', envFile, 'config', '--quiet'],
      { DOCKER_HOST: engine.dockerHost },
      repository,
    )
    await expect(config).rejects.toThrow(new RegExp(`${missing} is missing a value: set it in .env.*openssl rand -hex 32`))
  })
})

describe('the image', () => {
  const started: string[] = []
  afterAll(async () => {
    for (const name of started) await engine.docker('rm', '-f', '-v', name).catch(() => undefined)
  })

  /** Runs the default role beside the engine's socket. */
  async function runAll(name: string, more: string[], stacksRoot: string) {
    const port = await freePort()
    const container = `${name}-${world.settings['WORKER_NAME']}`
    started.push(container)
    const env = { DEPLOY_SECRET: world.secret, STACKS_ROOT: stacksRoot, RATE_LIMIT_PER_MIN: '0', WORKER_NAME: name }
    const settings = Object.entries(env).flatMap(([key, value]) => ['-e', `${key}=${value}`])
    const args = ['-p', `127.0.0.1:${port}:8080`, '-v', `${socket}:/var/run/docker.sock`, ...settings, ...more]
    await engine.docker('run', '-d', '--name', container, ...args, DEPLOYER_IMAGE)
    const client = createClient(`http://127.0.0.1:${port}`, world.secret)
    await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)
    return { client, container }
  }

  it('does everything in one container, and knows its jobs after a restart', async () => {
    const stack = await world.addStack('single', webFile(image('single')))
    await publishImage(engine, image('single'), 'v1')
    await stack.compose('up', '-d')
    const { client, container } = await runAll('single', ['-v', `${world.root}:${world.root}`], world.root)
    const { body } = await deployAndWait(client, stack.name)
    expect(body).toMatchObject({ ok: true, host: 'single' })
    await engine.docker('restart', container)
    const again = await until('the job', async () => {
      const answer = await client.plain('GET', `/jobs/${body.job_id}`, body.job_id)
      return answer.status === 200 ? answer : null
    })
    expect(again.body).toMatchObject({ job_id: body.job_id, ok: true })
  })

  it('keeps the data of a stack although the folder is mounted at another path', async () => {
    const stack = await world.addStack('moved', webFile(image('moved'), '    volumes: ["./data:/data"]\n'), { 'data/precious': 'kept' })
    await publishImage(engine, image('moved'), 'v1')
    await stack.compose('up', '-d')
    const before = await stack.containers()
    const { client } = await runAll('moved', ['-v', `${world.root}:/stacks`], '/stacks')
    expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, changes: [] })
    expect(await stack.containers()).toEqual(before)
    await publishImage(engine, image('moved'), 'v2')
    expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, changes: [{ service: 'web' }] })
    const kept = await stack.compose('exec', '-T', 'web', '/bin/busybox', 'cat', '/data/precious')
    expect(kept).toBe('kept')
  })

  it('refuses where the path of the host cannot be had, and says which mount to use', async () => {
    await publishImage(engine, image('refused'), 'v1')
    const stack = await world.addStack('refused', webFile(image('refused')))
    await stack.compose('up', '-d')
    const { client } = await runAll(
      'refused',
      ['-v', `${world.root}:/stacks`, '--read-only', '-v', '/data', '--tmpfs', '/scratch:mode=1777', '-e', 'TMPDIR=/scratch'],
      '/stacks',
    )
    const { status, body } = await deployAndWait(client, stack.name)
    expect([status, body.code]).toEqual([409, 'path_mismatch'])
    expect(body.detail).toContain(`-v ${world.root}:${world.root}`)
  })

  it('refuses a folder that is on no mount', async () => {
    const { client } = await runAll('unmounted', [], '/app')
    await until('the stack', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks.length > 0)
    const { status, body } = await deployAndWait(client, 'apps')
    expect([status, body.code]).toEqual([409, 'path_mismatch'])
  })
})
