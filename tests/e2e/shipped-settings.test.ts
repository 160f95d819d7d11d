import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createClient } from '../../lab/client.ts'
import { startCollector } from '../../lab/collector.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startShipped } from '../../lab/shipped.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

// What an operator can set in the `.env` of docker-compose.yml, as it is shipped, with the image that is built from here.
const world = useWorld()
const image = `${registry}/shipped-settings:latest`
await publishImage(engine, image, 'v1')
const stack = await world.addStack('settings', webFile(image))
await stack.compose('up', '-d')
const shipped = await startShipped(engine, world)
const outside = `${shipped.project}-outside`
afterAll(async () => {
  await engine.docker('rm', '-f', '-v', outside).catch(() => undefined)
  await shipped.close()
})
const { client, compose, settings } = shipped

/** Makes the containers anew with other lines in `.env`. A secret is for the API's user to read. */
async function become(more: Record<string, string>): Promise<void> {
  const envFile = join(world.root, '.more.env')
  writeFileSync(
    envFile,
    Object.entries({ DEPLOY_SECRET: '', ...more })
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  await compose('--env-file', envFile, 'up', '-d', '--wait')
}
const key = (name: string, text: string) => writeFileSync(join(settings['KEYS_DIR'] ?? '', name), text, { mode: 0o644 })
const envOf = async (part: 'api' | 'worker') => (await shipped.inspect(part)).Config.Env.join('\n') as string

describe('docker-compose.yml', () => {
  it('gives each part a ceiling of memory, with room above what it needs', async () => {
    for (const part of ['redis', 'api', 'worker'] as const) expect((await shipped.inspect(part)).HostConfig.Memory).toBe(2 * 1024 ** 3)
    expect((await deployAndWait(client, stack.name)).body.ok).toBe(true)
  })

  it('lets the worker out, to registries and traces, and publishes nothing of it', async () => {
    // Something that is in no network of Deployer: here a collector on this machine, at the gateway of the engine's own bridge.
    const gateway = (await engine.docker('network', 'inspect', 'bridge', '--format', '{{(index .IPAM.Config 0).Gateway}}')).trim()
    const collector = await startCollector(gateway)
    await become({ DEPLOY_SECRET: world.secret, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
    expect((await deployAndWait(client, stack.name)).body.ok).toBe(true)
    await until('what the worker has done to be traced', () => collector.spans().some(({ name }) => name.startsWith('compose ')))
    await collector.stop()
    const { NetworkSettings } = await shipped.inspect('worker')
    expect(NetworkSettings.Ports).toEqual({ '8080/tcp': null })
    expect(Object.keys(NetworkSettings.Networks).map((name) => name.replace(`${shipped.project}_`, ''))).toEqual(['backend', 'outbound'])
    const { NetworkSettings: redis } = await shipped.inspect('redis')
    expect(Object.keys(redis.Networks)).toEqual([`${shipped.project}_backend`])
  })

  it('does not come up without a secret, and its log says how to make one', async () => {
    await expect(become({})).rejects.toThrow()
    expect(await compose('logs', '--no-color', 'api')).toMatch(/DEPLOY_SECRET is empty.*openssl rand -hex 32/)
  })

  it('takes every secret from a file, and none of them stands in the environment', async () => {
    for (const [name, text] of [
      ['deploy-secret', world.secret],
      ['dashboard-password', 'a-password-of-the-dashboard'],
      ['metrics-token', 'a-token-of-the-metrics'],
    ] as const) {
      key(name, text)
    }
    await become({
      DEPLOY_SECRET_FILE: '/run/keys/deploy-secret',
      DASHBOARD_PASSWORD_FILE: '/run/keys/dashboard-password',
      METRICS_TOKEN_FILE: '/run/keys/metrics-token',
    })
    expect((await deployAndWait(client, stack.name)).body.ok).toBe(true)
    expect(await compose('exec', '-T', 'api', 'deployer', 'stacks')).toContain(stack.name)
    expect((await fetch(`${client.url}/metrics`, { headers: { Authorization: 'Bearer a-token-of-the-metrics' } })).status).toBe(200)
    const login = Buffer.from('admin:a-password-of-the-dashboard').toString('base64')
    expect((await fetch(`${client.url}/dashboard`, { headers: { Authorization: `Basic ${login}` } })).status).toBe(200)
    for (const secret of [world.secret, 'a-password-of', 'a-token-of']) expect(await envOf('api')).not.toContain(secret)
  })

  it('takes a keys file alone, without any secret that opens everything', async () => {
    key('keys.yaml', `keys:\n  - { id: ci, secret_file: ci.secret, stacks: ['${stack.name}'], actions: [deploy, read] }\n`)
    key('ci.secret', 'a-secret-of-the-ci-alone')
    await become({ DEPLOY_KEYS_FILE: '/run/keys/keys.yaml' })
    const ci = createClient(client.url, 'a-secret-of-the-ci-alone')
    const answer = await ci.timed('POST', `/deploy/${stack.name}?wait=1`, undefined, { 'X-Key-Id': 'ci' })
    expect(answer.body, answer.text).toMatchObject({ ok: true, by: 'ci' })
    expect((await client.plain('POST', `/deploy/${stack.name}`, stack.name)).status).toBe(401)
  })

  it('takes a Redis that is elsewhere, and then starts none', async () => {
    await engine.docker('run', '-d', '--name', outside, 'redis:7', 'redis-server', '--appendonly', 'yes', '--requirepass', 'elsewhere')
    // What a name server does where it is on another machine.
    for (const network of ['edge', 'outbound']) {
      await engine.docker('network', 'connect', '--alias', 'redis.example.com', `${shipped.project}_${network}`, outside)
    }
    await become({ DEPLOY_SECRET: world.secret, REDIS_URL: 'redis://:elsewhere@redis.example.com:6379', REDIS_SCALE: '0' })
    expect((await compose('ps', '-aq', 'redis')).trim()).toBe('')
    await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)
    expect((await deployAndWait(client, stack.name)).body.ok).toBe(true)
    const held = await engine.docker('exec', outside, 'redis-cli', '--no-auth-warning', '-a', 'elsewhere', 'hkeys', 'deployer:inventory')
    expect(held).toBe(`${shipped.project}\n`)
  })
})
