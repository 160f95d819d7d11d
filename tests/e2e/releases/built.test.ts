import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = `${registry}/built:latest`
const { client } = await world.start('all')

it('a service that can be built here and has an image in the registry is pulled like any other', async () => {
  await publishImage(engine, image, 'v1')
  const dockerfile = 'FROM scratch\nCOPY never /\n'
  const stack = await startStack(world, client, 'built', webFile(image, '    build: .\n'), { Dockerfile: dockerfile })
  await untilPage(stack, 'v1')
  const second = await publishImage(engine, image, 'v2')
  const { body } = await deployAndWait(client, stack.name)
  expect(body, JSON.stringify(body)).toMatchObject({ ok: true, changes: [{ service: 'web', why: 'image', to: second }] })
  await untilPage(stack, 'v2')
})
