import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { startChild } from '../../lab/child.ts'
import { createClient } from '../../lab/client.ts'
import { command } from '../../lab/command.ts'
import { NODE_TAG } from '../../lab/base-images.ts'
import { buildDeployerImage, DEPLOYER_IMAGE } from '../../lab/deployer-image.ts'
import { docBlocks as blocks } from '../../lab/doc-blocks.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { freePort } from '../../lab/free-port.ts'
import { startNginx } from '../../lab/nginx.ts'
import { startRegistry } from '../../lab/registry.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { COMPILE_CACHE } from '../../launcher/node-options.mjs'
import { engine, registry, useWorld } from '../support.ts'

const repository = join(import.meta.dirname, '../..')
const pages = ['README.md', ...globSync('docs/*.md', { cwd: repository }).sort()]
const read = (file: string) => readFileSync(join(repository, file), 'utf8')

const world = useWorld()
const image = `${registry}/docs:latest`
await publishImage(engine, image, 'v1')
const stack = await world.addStack('media', webFile(image))
await stack.compose('up', '-d')
const keys = join(world.root, '.keys')
mkdirSync(keys)
const secrets = {
  'ci-media': 'a-secret-of-the-ci-of-media',
  'hook-media': 'a-secret-of-the-hook-of-media',
  viewer: 'a-secret-of-the-viewer',
}
for (const [name, secret] of Object.entries(secrets)) writeFileSync(join(keys, `${name}.secret`), `${secret}\n`)
copyFileSync(join(repository, 'docs/examples/keys.yaml'), join(keys, 'keys.yaml'))
const metricsToken = 'a-token-for-metrics'
const settings = { METRICS_TOKEN: metricsToken, DEPLOY_KEYS_FILE: join(keys, 'keys.yaml') }
const { client } = await world.start('all', settings)
await deployAndWait(client, stack.name)
await publishImage(engine, image, 'v2')
await deployAndWait(client, stack.name)

/** The registry of the recipe: it asks for a login. */
const closed = await startRegistry({ user: 'me', password: 'the-password-of-the-registry' })
afterAll(() => closed.stop())

/** What takes a message as JSON: the chat of the recipe. */
const messages: string[] = []
const chat = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk: Buffer) => (body += chunk.toString()))
  request.on('end', () => {
    messages.push(body)
    response.end('{}')
  })
}).listen(0, '127.0.0.1')
await once(chat, 'listening')
afterAll(() => chat.close())

const copy = join(world.root, '.checkout')
const project = `deployer-docs-${world.settings['WORKER_NAME']}`
const ports = { production: await freePort() }

beforeAll(async () => {
  // A checkout of what is here, in which the blocks may write.
  mkdirSync(copy)
  const files = (await command('git', ['ls-files', '-co', '--exclude-standard'], {}, repository)).split('\n').filter(Boolean)
  for (const file of files.filter((one) => existsSync(join(repository, one)))) {
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    copyFileSync(join(repository, file), join(copy, file))
  }
  const bin = join(world.root, '.bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'deployer'), `#!/bin/sh\nexec ${process.execPath} ${join(repository, 'launcher/deployer.ts')} "$@"\n`, {
    mode: 0o755,
  })
  mkdirSync(join(copy, 'keys'))
  writeFileSync(join(copy, 'keys/ci-media.secret'), secrets['ci-media'])
  writeFileSync(join(copy, 'registry-password'), 'the-password-of-the-registry')
  await buildDeployerImage(engine)
}, 400_000)
afterAll(async () => {
  const secrets = { DEPLOY_SECRET: 'x', REDIS_API_PASSWORD: 'x', REDIS_WORKER_PASSWORD: 'x' }
  const env = { DOCKER_HOST: engine.dockerHost, COMPOSE_PROJECT_NAME: project, ...secrets }
  await command('docker', ['compose', 'down', '-v', '-t', '5'], env, copy).catch(() => undefined)
  await engine.docker('rm', '-f', '-v', project).catch(() => undefined)
  await engine.docker('volume', 'rm', `${project}-data`).catch(() => undefined)
})

/** Fits a block to this machine: the stack's real name, the lab's engine, and ports that are free. */
function here(block: string): string {
  const socket = engine.dockerHost.replace('unix://', '')
  return block
    .replaceAll('/opt/stacks/media', stack.dir)
    .replaceAll('registry.example.com', closed.address)
    .replaceAll('ghcr.io/your-account/deployer:latest', DEPLOYER_IMAGE)
    .replaceAll(/(?<![\w.-])media(?![\w-]|\.secret)/g, stack.name)
    .replaceAll(/:8080\b(?!:)/g, (match) => (block.includes('docker run') ? match : `:${ports.production}`))
    .replace('127.0.0.1:8080:8080', '127.0.0.1::8080')
    .replace('-v /var/run/docker.sock:', `-v ${socket}:`)
    .replace('/opt/stacks:/opt/stacks', `${world.root}:${world.root} -e STACKS_ROOT=${world.root}`)
    .replace('--name deployer --restart always', `--name ${project}`)
    .replace('deployer-data:/data', `${project}-data:/data`)
}

/** Runs a block as an operator does. The signatures of two blocks in one second could be the same, and a replay: then again. */
async function run(block: string): Promise<{ code: number; output: string }> {
  const env = {
    PATH: `${join(world.root, '.bin')}:${process.env['PATH']}`,
    HOME: process.env['HOME'],
    DOCKER_HOST: engine.dockerHost,
    DOCKER_SOCKET: engine.dockerHost.replace('unix://', ''),
    COMPOSE_PROJECT_NAME: project,
    STACKS_ROOT: world.root,
    PORT: String(ports.production),
    WORKER_NAME: 'docs',
    DEPLOYER_URL: client.url,
    DEPLOY_SECRET: world.secret,
    METRICS_TOKEN: metricsToken,
    NOTIFY_URL: `http://127.0.0.1:${(chat.address() as AddressInfo).port}`,
    DATA_DIR: world.root,
    NODE_IMAGE: NODE_TAG,
    NODE_COMPILE_CACHE: COMPILE_CACHE,
  }
  return new Promise((resolve) => {
    const child = execFile('bash', ['-euo', 'pipefail', '-c', here(block)], { env, cwd: copy, timeout: 100_000 }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr })
    })
  })
}

/** So that there is one to go back to in production, whose worker keeps its own. */
async function haveReleases(): Promise<void> {
  for (const version of ['v3', 'v4']) {
    await publishImage(engine, image, version)
    const { code, output } = await run('docker compose exec -T api deployer deploy media --wait')
    expect(code, output).toBe(0)
  }
}

/** What does its own set-up: the first screen has a test file of its own, the demo a test below, the third is this run. */
const COMMANDS = [blocks('README.md', 'sh')[0], 'npm run demo\n', 'npm test\n']
/** In their order: production is up after the block that puts it on a host. */
const everything = pages.flatMap((page) => blocks(page, 'sh').map((block, index) => [page, index + 1, block] as const))

describe('every block of shell in the documentation', () => {
  it.each(everything.filter(([, , block]) => !COMMANDS.includes(block)))('%s, block %i, runs as written', async (page, _index, block) => {
    await until('the block to run', async () => {
      const { code, output } = await run(block)
      // The metrics name it too.
      if (/(?<!code=")signature_replayed/.test(output)) return false
      expect(code, `${block}\n${output}`).toBe(0)
      expect(output, block).not.toMatch(/"ok":\s*false|command not found/)
      return true
    })
    if (block.includes('registry-password')) {
      expect(readFileSync(join(stack.dir, '.docker/config.json'), 'utf8')).toContain(closed.address)
    }
    if (block.includes('NOTIFY_URL')) expect(messages.at(-1)).toContain('succeeded')
    if (block.includes('down --volumes')) {
      const jobs = await run('docker compose exec -T api deployer jobs --stack media')
      expect(jobs.output, 'what was restored').toMatch(/ succeeded /)
    }
    if (block.includes('docker compose up -d')) {
      await until('production', async () => (await fetch(`http://127.0.0.1:${ports.production}/ready`)).ok, 60)
      if (page === 'README.md') await haveReleases()
    }
  })

  it('and the demo, which shows the whole way', async () => {
    const output = await command('npm', ['run', '--silent', 'demo'], { CI: 'true' }, repository)
    expect(output).toContain('version 2')
    expect(output).toMatch(/A message has arrived: ".*updated"/)
  })
})

describe('every block of YAML and every example', () => {
  it('of keys is a keys file', async () => {
    const written = pages.flatMap((page) => blocks(page, 'yaml')).filter((text) => /^(keys|oidc|hooks):/.test(text))
    expect(written.length).toBeGreaterThan(1)
    for (const [index, text] of [...written, read('docs/examples/keys.yaml')].entries()) {
      const file = join(keys, `snippet-${index}.yaml`)
      writeFileSync(file, text)
      await world.start('api', { REDIS_URL: 'redis://127.0.0.1:1', DEPLOY_KEYS_FILE: file })
    }
  })

  it('of a workflow uses the action as it is', () => {
    const { inputs, outputs } = parse(read('action.yml'))
    const examples = globSync('docs/examples/*.yml', { cwd: repository }).map(read)
    const workflows = [...examples, ...pages.flatMap((page) => blocks(page, 'yaml'))]
      .map((text) => parse(text, { logLevel: 'silent' }))
      .filter(({ jobs }) => jobs)
    expect(workflows.length).toBeGreaterThan(4)
    for (const { jobs } of workflows) {
      const steps = Object.values<any>(jobs).flatMap(({ steps }) => steps)
      const [step] = steps.filter(({ uses }) => uses?.startsWith('your-account/deployer@'))
      expect(Object.keys(inputs)).toEqual(expect.arrayContaining(Object.keys(step.with)))
      expect(Object.keys(step.with)).toEqual(expect.arrayContaining(['url', 'stack']))
      const used = JSON.stringify(steps).matchAll(/steps\.deploy\.outputs\.([\w-]+)/g)
      for (const [, name = ''] of used) expect(Object.keys(outputs)).toContain(name)
    }
  })

  it('of GitLab runs the same script', async () => {
    const { deploy } = parse(read('docs/examples/gitlab-ci.yml'))
    const values: Record<string, string> = { $DEPLOYER_URL: client.url, $DEPLOY_SECRET: world.secret, media: stack.name }
    const env = Object.fromEntries(Object.entries<string>(deploy.variables).map(([name, value]) => [name, values[value] ?? value]))
    const [line = ''] = deploy.script as string[]
    expect(await command('bash', ['-c', line.replace('/tmp/deployer', repository)], env)).toContain('is deployed')
  })

  it('of nginx and Caddy lets everything through: a deploy that is waited for, and its events', async () => {
    const inner = client.url.replace('http://', '')
    const nginx = await startNginx(read('docs/examples/nginx.conf').replace('127.0.0.1:8080', inner))
    const caddyPort = await freePort()
    const caddyfile = join(world.root, '.Caddyfile')
    const site = read('docs/examples/Caddyfile')
      .replace('deploy.example.com', `http://127.0.0.1:${caddyPort}`)
      .replace('127.0.0.1:8080', inner)
    writeFileSync(caddyfile, `{\n  admin off\n}\n${site}`)
    const caddy = startChild('caddy', ['run', '--config', caddyfile, '--adapter', 'caddyfile'], {
      PATH: process.env['PATH'],
      HOME: world.root,
    })
    const caddyUrl = `http://127.0.0.1:${caddyPort}`
    await until('Caddy', async () => (await fetch(`${caddyUrl}/health`)).ok)
    for (const url of [nginx.url, caddyUrl]) {
      const proxied = createClient(url, world.secret)
      const { body } = await proxied.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)
      expect(body.ok).toBe(true)
      const events = await proxied.plain('GET', `/jobs/${body.job_id}/events`, body.job_id)
      expect(events.text).toContain('event: done')
    }
    await caddy.stop('SIGKILL')
    await nginx.stop()
  })

  it('of nginx in the recipes serves the dashboard and the page of the API under a prefix', async () => {
    const [location = ''] = blocks('docs/recipes.md', 'nginx')
    const nginx = await startNginx(location.replace('http://127.0.0.1:8080', client.url))
    expect((await fetch(`${nginx.url}/deployer/docs`)).status).toBe(200)
    await nginx.stop()
  })
})

describe('the pages', () => {
  it('link to what is there', () => {
    for (const page of [...pages, 'README.pt-BR.md', 'ARCHITECTURE.md', 'SECURITY.md', 'CONTRIBUTING.md']) {
      for (const [, target = ''] of read(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
        expect(existsSync(join(repository, dirname(page), target)), `${target} in ${page}`).toBe(true)
      }
    }
  })

  it('name tests that are there', () => {
    for (const [name] of read('SECURITY.md').matchAll(/tests\/(?:e2e|alone)\/[\w-]+/g))
      expect(existsSync(join(repository, `${name}.test.ts`)), name).toBe(true)
  })
})
