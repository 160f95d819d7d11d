import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { command } from '../../lab/command.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const image = `${registry}/containrrr/watchtower:latest`
const app = `${registry}/watched:latest`
for (const name of [image, app]) await publishImage(engine, name, 'v1')
const stack = await world.addStack('watched', (port) =>
  webFile(app)(port).replace('    init: true\n', '    labels: { com.centurylinklabs.watchtower.enable: "true" }\n'),
)
await stack.compose('up', '-d')
const name = `watchtower-${world.settings['WORKER_NAME']}`
const token = 'a-token-that-is-a-secret'
const settings = [
  'WATCHTOWER_SCHEDULE=0 0 4 * * *',
  `WATCHTOWER_NOTIFICATION_URL=discord://${token}@123`,
  'TZ=Europe/Lisbon',
  'WATCHTOWER_CLEANUP=true',
]
// As its own image starts it.
const start = ['--entrypoint', '/watchtower']
await engine.docker(
  'create',
  '--name',
  name,
  ...start,
  ...settings.flatMap((line) => ['-e', line]),
  image,
  '--label-enable',
  '--rolling-restart',
)
afterAll(() => engine.docker('rm', '-f', name))

const LAUNCHER = join(import.meta.dirname, '../../launcher/deployer.ts')
/** As an operator runs it. */
const piped = (what: string, ...options: string[]) =>
  command(
    'bash',
    ['-euo', 'pipefail', '-c', `docker inspect ${what} | ${process.execPath} ${LAUNCHER} from-watchtower ${options.join(' ')}`],
    {
      DOCKER_HOST: engine.dockerHost,
    },
  )

it("deployer from-watchtower reads a real container's settings, and prints no secret that it is not asked for", async () => {
  const [id = ''] = await stack.containers()
  const printed = await piped(`${name} ${id}`)
  expect(printed.split('\n')).toEqual(
    expect.arrayContaining([
      '# .env',
      'WATCH=off',
      "WATCH_EVERY='0 4 * * *'",
      'TZ=Europe/Lisbon',
      'NOTIFY_URLS_FILE=/run/secrets/notify-urls',
      `# compose.yaml of ${stack.name}`,
      '  web:',
      '    x-deployer: { watch: update }',
      expect.stringContaining('KEEP_RELEASES'),
      expect.stringContaining('--rolling-restart has no counterpart'),
    ]),
  )
  expect(printed).not.toContain(token)
  expect(await piped(name, '--notify-urls')).toBe(`discord://${token}@123\n`)
  const json = JSON.parse(await piped(name, '--json'))
  expect(json).toMatchObject({ notify_urls: 1, env: expect.arrayContaining(['WATCH=off']) })
  expect(JSON.stringify(json)).not.toContain(token)
})

it('says what it wants where it gets something else', async () => {
  const code = await new Promise((resolve) => {
    const child = execFile(process.execPath, [LAUNCHER, 'from-watchtower'], () => resolve(child.exitCode))
    child.stdin?.end('Error: No such object: watchtower')
  })
  expect(code).toBe(2)
})
