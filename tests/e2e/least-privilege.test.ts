import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { command } from '../../lab/command.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { startNginx } from '../../lab/nginx.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const repository = join(import.meta.dirname, '../..')
const documented = readFileSync(join(repository, 'docs/examples/socket-proxy.conf'), 'utf8')
const world = useWorld()
const log = join(world.root, '.calls')
/** The file as it is, but for where it listens and where this engine's socket is. */
const here = documented.replace('listen 2375;', '').replaceAll('/var/run/docker.sock', engine.dockerHost.replace('unix://', ''))
const [, map = '', server = ''] = /^([^]*)^server \{([^]*)^\}$/m.exec(here) ?? []
const format = `log_format calls '$status $request_method $request_uri';`
const proxy = await startNginx(server.replace('access_log /dev/stdout;', `access_log ${log} calls;`), `${format} ${map}`)
afterAll(() => proxy.stop())

const image = `${registry}/least:latest`
await publishImage(engine, image, 'v1')
const stack = await world.addStack('least', webFile(image))
await stack.compose('up', '-d')
const port = Number(new URL(stack.url).port)

describe('a worker behind the documented socket proxy', () => {
  it('deploys, rolls back and reads, with every call that the file names and no other', async () => {
    const { client } = await world.start('all', {
      DOCKER_HOST: proxy.url.replace('http:', 'tcp:'),
      KEEP_RELEASES: '2',
      MIN_FREE_DISK: '1MB',
    })
    expect((await deployAndWait(client, stack.name)).body.ok).toBe(true)
    await publishImage(engine, image, 'v2')
    const more = `    volumes: ["data:/data"]\n    networks: [a]\nvolumes: {data: {}}\nnetworks: {a: {}}\n`
    stack.write('compose.yaml', webFile(image, more)(port))
    expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, changes: [{ service: 'web' }] })
    await untilPage(stack, 'v2')
    await publishImage(engine, image, 'v3', 'crash')
    expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: false, rolled_back: true })
    await untilPage(stack, 'v2')
    expect((await client.timed('POST', `/stacks/${stack.name}/rollback?wait=1`)).body.ok).toBe(true)
    // The releases before the last two are forgotten, with their images.
    for (const version of ['v4', 'v5']) {
      await publishImage(engine, image, version)
      const { body } = await deployAndWait(client, stack.name)
      expect(body, JSON.stringify(body)).toMatchObject({ ok: true })
    }
    expect((await client.timed('POST', `/stacks/${stack.name}/plan?wait=1`)).body.ok).toBe(true)
    await until('the list of stacks', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks[0].running)

    const calls = readFileSync(log, 'utf8').match(/^\d{3} [A-Z]+ \/\S+$/gm) ?? []
    expect(calls.filter((call) => call.startsWith('403'))).toEqual([])
    const lines = [...map.matchAll(/^\s*"~(.*)" 1;$/gm)].map(([, pattern = '']) => pattern)
    expect(lines.length).toBeGreaterThan(10)
    const asked = calls.map((call) => call.slice(4))
    const unused = lines.filter((pattern) => !asked.some((call) => new RegExp(pattern).test(call)))
    // Those are for a stack with the worker in it, which tests/e2e/self-deploy deploys.
    expect(unused).toEqual([expect.stringContaining('/connect'), expect.stringContaining('/wait')])
  })

  it.each([
    ['POST', '/containers/x/exec'],
    ['POST', '/containers/x/attach'],
    ['GET', '/containers/x/archive?path=/etc/shadow'],
    ['POST', '/build'],
    ['POST', '/images/load'],
    ['DELETE', '/volumes/x'],
    ['POST', '/containers/x/kill'],
    ['POST', '/plugins/pull'],
    ['POST', '/swarm/init'],
    ['GET', '/secrets'],
    ['POST', '/containers/prune'],
    ['GET', '/containers/json/../x/archive'],
    ['GET', '/v1.45/system/df'],
  ])('is the only thing that it is good for: %s %s is refused', async (method, path) => {
    expect((await fetch(proxy.url + path, { method })).status).toBe(403)
  })

  it('has a compose file that fits the one of production', async () => {
    const files = ['-f', 'docker-compose.yml', '-f', 'docs/examples/docker-compose.socket-proxy.yml']
    const env = { DEPLOY_SECRET: world.secret, REDIS_API_PASSWORD: 'a', REDIS_WORKER_PASSWORD: 'b', DOCKER_HOST: engine.dockerHost }
    const { services } = JSON.parse(await command('docker', ['compose', ...files, 'config', '--format', 'json'], env, repository))
    expect(services.worker.volumes.map(({ target }: any) => target)).toEqual(['/opt/stacks', '/data'])
    expect(services.worker.environment.DOCKER_HOST).toBe('tcp://socket-proxy:2375')
    expect(Object.keys(services['socket-proxy'].networks)).toEqual(['socket'])
    expect(Object.keys(services.api.networks)).not.toContain('socket')
  })
})
