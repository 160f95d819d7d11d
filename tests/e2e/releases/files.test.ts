import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { command } from '../../../lab/command.ts'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { runDeployer } from '../../../lab/run-deployer.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile, type LabStack } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = (name: string) => `${registry}/files-${name}:latest`
const { client } = await world.start('all')
const doctor = async () => (await runDeployer(['doctor'], { ...world.settings, DATA_DIR: join(world.root, '.doctor') })).stdout
const environmentOf = async (stack: LabStack) => engine.docker('inspect', '--format', '{{json .Config.Env}}', ...(await stack.idsOf('web')))

it('a stack that was started with other files keeps what these give it, also when it is rolled back', async () => {
  await publishImage(engine, image('prod'), 'v1')
  const prod = `services:\n  web: { environment: { MODE: from-that-file } }\n  db: { image: "${image('prod')}", init: true }\n`
  const stack = await startStack(world, client, 'prod', webFile(image('prod')), { 'prod.yaml': prod }, [
    '-f',
    'compose.yaml',
    '-f',
    'prod.yaml',
  ])
  await untilPage(stack, 'v1')
  await publishImage(engine, image('prod'), 'v2')
  const good = await deployAndWait(client, stack.name)
  expect(good.body, good.text).toMatchObject({ ok: true, changes: [{ service: 'db' }, { service: 'web' }] })
  expect(good.body.steps.find(({ name }: any) => name === 'config').tail).toContain(join(stack.dir, 'prod.yaml'))
  await untilPage(stack, 'v2')
  expect(await environmentOf(stack)).toContain('MODE=from-that-file')
  expect(await stack.idsOf('db')).toHaveLength(1)

  await publishImage(engine, image('prod'), 'v3', 'crash')
  const failed = await deployAndWait(client, stack.name)
  expect(failed.body, failed.text).toMatchObject({ rolled_back: true })
  await untilPage(stack, 'v2')
  expect(await environmentOf(stack)).toContain('MODE=from-that-file')
  expect(await stack.idsOf('db')).toHaveLength(1)
})

it('a stack that was started with another file of variables, under another project name, keeps both', async () => {
  await publishImage(engine, image('named'), 'v1')
  const file = webFile(image('named'), '    environment: { PASSWORD: "${PASSWORD}" }\n')
  const project = `other-${world.settings['WORKER_NAME']}`
  const args = ['-p', project, '--env-file', 'prod.env']
  const stack = await startStack(world, client, 'named', file, { 'prod.env': 'PASSWORD=from-prod\n' }, args)
  const [before] = await stack.idsOf('web')
  await publishImage(engine, image('named'), 'v2')
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ ok: true, changes: [{ service: 'web', why: 'image' }] })
  await untilPage(stack, 'v2')
  expect(await environmentOf(stack)).toContain('PASSWORD=from-prod')
  const [after, ...more] = await stack.idsOf('web')
  expect([more, after === before]).toEqual([[], false])
  expect((await engine.docker('ps', '-q', '--no-trunc', '--filter', `label=com.docker.compose.project=${project}`)).trim()).toBe(after)
  await stack.compose('-p', project, 'down', '-t', '0')
})

it('a stack that was started from files that are gone or lie elsewhere is refused, and doctor says so beforehand', async () => {
  await publishImage(engine, image('gone'), 'v1')
  const elsewhere = mkdtempSync(join(tmpdir(), 'deployer-files-'))
  const extra = join(elsewhere, 'extra.yaml')
  writeFileSync(extra, `services:\n  db: { image: "${image('gone')}", init: true }\n`)
  const args = ['-f', 'compose.yaml', '-f', extra]
  const stack = await world.addStack('gone', webFile(image('gone')))
  await stack.compose(...args, 'up', '-d')
  const [web, db] = [await stack.idsOf('web'), await stack.idsOf('db')]
  expect(await doctor()).toMatch(new RegExp(`Stack "${stack.name}" cannot be deployed \\(files_mismatch\\)`))
  const outside = await deployAndWait(client, stack.name)
  expect([outside.status, outside.body.code], outside.text).toEqual([409, 'files_mismatch'])
  expect(outside.body.detail).toContain(extra)
  expect(outside.body.detail).toContain(join(stack.dir, 'compose.yaml'))
  rmSync(elsewhere, { recursive: true })
  expect((await deployAndWait(client, stack.name)).body.code).toBe('files_mismatch')
  expect([await stack.idsOf('web'), await stack.idsOf('db')]).toEqual([web, db])
})

it('a variable that came from a shell is missed before it is lost, and doctor says so beforehand', async () => {
  await publishImage(engine, image('unset'), 'v1')
  const stack = await world.addStack('unset', webFile(image('unset'), '    environment: { TOKEN: "${TOKEN}", EMPTY: "${EMPTY}" }\n'))
  await command('docker', ['compose', 'up', '-d'], { DOCKER_HOST: engine.dockerHost, TOKEN: 'from-a-shell' }, stack.dir)
  const before = await stack.idsOf('web')
  expect(await doctor()).toMatch(/variables that have no value: .*TOKEN/)
  const { status, body, text } = await deployAndWait(client, stack.name)
  expect([status, body.code], text).toEqual([409, 'variable_unset'])
  expect(body.detail).toMatch(/TOKEN .*\.env/)
  expect(await stack.idsOf('web')).toEqual(before)
  stack.write('.env', 'TOKEN=from-a-shell\n')
  const good = await deployAndWait(client, stack.name)
  // The other one never had a value, so nothing changes by it.
  expect(good.body, good.text).toMatchObject({ ok: true, changes: [] })
  expect(await stack.idsOf('web')).toEqual(before)
  stack.rewrite(webFile(image('unset'), '    environment: { TOKEN: "${TOKEN}", EMPTY: "${EMPTY}", MORE: "1" }\n'))
  const more = await deployAndWait(client, stack.name)
  expect(more.body, more.text).toMatchObject({ ok: true, changes: [{ service: 'web', why: 'definition' }] })
})
