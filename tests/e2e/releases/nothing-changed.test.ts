import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = `${registry}/nothing-changed:latest`
await publishImage(engine, image, 'v1')
const { client } = await world.start('all')

it.each([
  ['network', webFile(image, '    networks: [missing]\nnetworks: { missing: { external: true, name: nobody-made-this } }\n')],
  ['driver', webFile(image, '    volumes: ["data:/data"]\nvolumes: { data: { driver: nobody-has-this } }\n')],
])('an up that fails at a missing %s before it touches anything leaves all as it was, and says so', async (what, file) => {
  const stack = await startStack(world, client, what, webFile(image))
  await untilPage(stack, 'v1')
  const before = await stack.idsOf('web')
  stack.rewrite(file)
  const { status, body } = await deployAndWait(client, stack.name)
  expect([status, body.code, body.rolled_back], JSON.stringify(body)).toEqual([500, 'step_failed', false])
  expect(body.message).toMatch(/^up failed: .*Nothing had been changed\.$/)
  expect(body.steps.map(({ name }: any) => name)).toEqual(['status', 'config', 'pull', 'up'])
  expect(await stack.idsOf('web')).toEqual(before)
  expect(await stack.page()).toBe('v1')
  stack.rewrite(webFile(image))
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, changes: [] })
  expect(await stack.idsOf('web')).toEqual(before)
})
