import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const { client } = await world.start('all')
const idBehind = async (name: string) => (await engine.docker('image', 'inspect', '--format', '{{.Id}}', name)).trim()
const imageOf = async (container = '') => (await engine.docker('inspect', '--format', '{{.Image}}', container)).trim()

it('a name keeps leading to what was published under it when a file that moved to it is rolled back', async () => {
  const [one, two] = [`${registry}/moved:1`, `${registry}/moved:2`]
  const first = await publishImage(engine, one, 'v1')
  const stack = await startStack(world, client, 'moved', webFile(one, '    pull_policy: missing\n'))
  await untilPage(stack, 'v1')
  const bad = await publishImage(engine, two, 'v2', 'crash')
  stack.rewrite(webFile(two, '    pull_policy: missing\n'))

  const failed = await deployAndWait(client, stack.name)
  expect(failed.body, JSON.stringify(failed.body)).toMatchObject({ code: 'step_failed', rolled_back: true })
  await untilPage(stack, 'v1')
  expect([await idBehind(one), await idBehind(two)]).toEqual([first, bad])

  // It is mended under the same name, which compose does not pull as long as it is here; the answer says so.
  const mended = await publishImage(engine, two, 'v2')
  const again = await deployAndWait(client, stack.name)
  expect(again.body, JSON.stringify(again.body)).toMatchObject({ code: 'step_failed', rolled_back: true })
  expect(again.body.message).toContain(`docker rmi ${two}`)
  await untilPage(stack, 'v1')
  await engine.docker('rmi', two)
  const good = await deployAndWait(client, stack.name)
  expect(good.body, JSON.stringify(good.body)).toMatchObject({ ok: true, changes: [{ from: first, to: mended, image: two }] })
  await untilPage(stack, 'v2')
  expect(await idBehind(one)).toBe(first)
})

it('two services that ran different images under one name each get their own back', async () => {
  const image = `${registry}/shared:latest`
  const older = await publishImage(engine, image, 'v1')
  const file = webFile(image, `  api:\n    image: ${image}\n    init: true\n    restart: always\n`)
  const stack = await world.addStack('shared', file)
  await stack.compose('up', '-d')
  await untilPage(stack, 'v1')
  const newer = await publishImage(engine, image, 'v2')
  await stack.compose('pull', '-q')
  await stack.compose('up', '-d', 'web')
  await untilPage(stack, 'v2')
  const [api] = await stack.idsOf('api')
  expect([await imageOf(api), await imageOf((await stack.idsOf('web'))[0])]).toEqual([older, newer])
  const bad = await publishImage(engine, image, 'v3', 'crash')

  const { body } = await deployAndWait(client, stack.name)
  expect(body, JSON.stringify(body)).toMatchObject({ code: 'step_failed', rolled_back: true, changes: [] })
  await untilPage(stack, 'v2')
  expect(await imageOf((await stack.idsOf('api'))[0])).toBe(older)
  expect(await idBehind(image)).not.toBe(bad)
})
