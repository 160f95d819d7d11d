import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { command } from '../../lab/command.ts'
import { buildDeployerImage, DEPLOYER_IMAGE } from '../../lab/deployer-image.ts'
import { docBlocks } from '../../lab/doc-blocks.ts'
import { freePort } from '../../lab/free-port.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

// What a newcomer does: the first two blocks of the README, in an empty folder.
const world = useWorld()
const folder = join(world.root, '.first')
mkdirSync(folder)
const project = `deployer-first-${world.settings['WORKER_NAME']}`
const env = { DOCKER_HOST: engine.dockerHost, COMPOSE_PROJECT_NAME: project }
const [file = ''] = docBlocks('README.md', 'yaml')
const [first = ''] = docBlocks('README.md', 'sh')
const port = String(await freePort())

/** A text of the README in which what this machine has stands in the place of what it names. Everything that is replaced has to be there. */
function here(text: string, replacements: Record<string, string>): string {
  return Object.entries(replacements).reduce((done, [from, to]) => {
    expect(done).toContain(from)
    return done.replaceAll(from, to)
  }, text)
}

beforeAll(() => buildDeployerImage(engine), 400_000)
afterAll(() => command('docker', ['compose', 'down', '-v', '-t', '5'], env, folder).catch(() => undefined))

it('the first screen of the README leads to a first deploy, and to a page that shows it', async () => {
  const image = `${registry}/first:latest`
  await publishImage(engine, image, 'v1')
  const stack = await world.addStack('media', webFile(image))
  await stack.compose('up', '-d')
  await publishImage(engine, image, 'v2')
  const compose = here(file, {
    'ghcr.io/your-account/deployer:latest': DEPLOYER_IMAGE,
    '127.0.0.1:8080:': `127.0.0.1:${port}:`,
    '/var/run/docker.sock:': `${engine.dockerHost.replace('unix://', '')}:`,
    // The image's own default for where stacks are is another folder than the lab's.
    '/opt/stacks:/opt/stacks': `${world.root}:${world.root}`,
    'WORKER_NAME: docker-host': `WORKER_NAME: docker-host\n      STACKS_ROOT: ${world.root}\n      STEADY_TIME: "1"\n      MIN_FREE_DISK: "0"`,
  })
  writeFileSync(join(folder, 'compose.yaml'), compose)
  const output = await command('bash', ['-euo', 'pipefail', '-c', here(first, { 'deploy media': `deploy ${stack.name}` })], env, folder)
  expect(output).toContain('Nothing must be mended')
  expect(output).toContain('deployed (web changed)')
  await untilPage(stack, 'v2')

  const [, password = ''] = /^DASHBOARD_PASSWORD=(.*)$/m.exec(readFileSync(join(folder, '.env'), 'utf8')) ?? []
  const headers = { Authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` }
  await until('the dashboard', async () => (await fetch(`http://127.0.0.1:${port}/dashboard`, { headers })).ok)
  expect((await fetch(`http://127.0.0.1:${port}/docs`)).status).toBe(200)
})

it('is the same in both languages', () => {
  expect(docBlocks('README.pt-BR.md', 'yaml')[0]).toBe(file)
  expect(docBlocks('README.pt-BR.md', 'sh')[0]).toBe(first)
})
