import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

import { afterAll } from 'vitest'
import { holdRegistry } from '../../../lab/held-registry.ts'
import { until } from '../../../lab/until.ts'

const world = useWorld()
const held = await holdRegistry(registry)
afterAll(() => held.stop())
const { client } = await world.start('all')

it('what was checked is what runs, whatever the files say by then', async () => {
  const image = `${held.address}/checked:latest`
  await publishImage(engine, image, 'v1')
  const victim = await startStack(world, client, 'victim', webFile(image))
  const stack = await startStack(world, client, 'checked', webFile(image))
  await untilPage(stack, 'v1')
  const second = await publishImage(engine, image, 'v2')
  const before = await victim.idsOf('web')
  held.hold()
  const accepted = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
  await until('the pull', () => held.waiting() > 0)
  // From here on it is another project's file, whose up would remove that project's containers.
  stack.rewrite(() => `name: ${victim.name}\nservices:\n  other:\n    image: ${image}\n    init: true\n`)
  held.letGo()
  const { body } = await client.plain('GET', `/jobs/${accepted.body.job_id}?wait=true`, accepted.body.job_id)
  expect(body, JSON.stringify(body)).toMatchObject({ state: 'succeeded', changes: [{ service: 'web', to: second }] })
  await untilPage(stack, 'v2')
  expect(await stack.idsOf('other')).toEqual([])
  expect(await victim.idsOf('web')).toEqual(before)
  expect(await victim.page()).toBe('v1')

  // The next deploy does what the files say now, in the project that runs from this folder, whatever name they give.
  const next = await deployAndWait(client, stack.name)
  expect(next.body, next.text).toMatchObject({ ok: true, changes: [{ service: 'other' }, { service: 'web', to: null }] })
  expect(await victim.idsOf('web')).toEqual(before)
  expect(await victim.page()).toBe('v1')
  stack.rewrite(webFile(image))
})

it('a stack whose .env names a file in a folder of its own is deployed', async () => {
  const image = `${registry}/deeper:latest`
  const project = `deeper-${world.settings['WORKER_NAME']}`
  await publishImage(engine, image, 'v1')
  let port = 0
  const nothing = (free: number) => ((port = free), 'services: { wrong: { image: nobody-has-this } }\n')
  const stack = await world.addStack('deeper', nothing, { '.env': `COMPOSE_FILE=deploy/compose.yml\nCOMPOSE_PROJECT_NAME=${project}\n` })
  stack.write('deploy/compose.yml', webFile(image, '    volumes: ["./data:/data:ro"]\n')(port))
  mkdirSync(join(stack.dir, 'deploy/data'))
  await stack.compose('up', '-d')
  await untilPage(stack, 'v1')
  await publishImage(engine, image, 'v2')
  const good = await deployAndWait(client, stack.name)
  expect(good.body, JSON.stringify(good.body)).toMatchObject({ ok: true, changes: [{ service: 'web' }] })
  await untilPage(stack, 'v2')
  await publishImage(engine, image, 'v3', 'crash')
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ rolled_back: true })
  await untilPage(stack, 'v2')
  const source = '{{range .Mounts}}{{.Source}}{{end}}'
  expect((await engine.docker('inspect', '--format', source, ...(await stack.idsOf('web')))).trim()).toBe(join(stack.dir, 'deploy/data'))
  expect((await engine.docker('ps', '-q', '--filter', `label=com.docker.compose.project=${project}`)).trim().split('\n')).toHaveLength(1)
})

it('a broken file with a name of its own is answered at config', async () => {
  const image = `${registry}/broken-name:latest`
  await publishImage(engine, image, 'v1')
  const name = `named-${world.settings['WORKER_NAME']}`
  const stack = await startStack(world, client, 'broken-name', (port) => `name: ${name}\n${webFile(image)(port)}`)
  stack.rewrite(() => `name: ${name}\nservices:\n  web:\n    image: [unclosed\n`)
  const { status, body } = await deployAndWait(client, stack.name)
  expect([status, body.code], JSON.stringify(body)).toEqual([500, 'step_failed'])
  expect(body.steps.at(-1)).toMatchObject({ name: 'config', ok: false })
  stack.rewrite((port) => `name: ${name}\n${webFile(image)(port)}`)
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, changes: [] })
})
