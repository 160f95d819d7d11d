import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { holdRegistry } from '../../../lab/held-registry.ts'
import { makeImage, publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = `${registry}/built:latest`
const dockerfile = 'FROM scratch\nCOPY never /\n'
const { client } = await world.start('all')

it('a service that can be built here and has an image in the registry is pulled like any other', async () => {
  await publishImage(engine, image, 'v1')
  const stack = await startStack(world, client, 'built', webFile(image, '    build: .\n'), { Dockerfile: dockerfile })
  await untilPage(stack, 'v1')
  const second = await publishImage(engine, image, 'v2')
  const { body } = await deployAndWait(client, stack.name)
  expect(body, JSON.stringify(body)).toMatchObject({ ok: true, changes: [{ service: 'web', why: 'image', to: second }] })
  await untilPage(stack, 'v2')
})

it('a service that is only built here is left alone, which the job says, unless its file has it built', async () => {
  await publishImage(engine, image, 'base')
  const fromBase = `FROM ${image}\nCOPY page /www/index.html\n`
  const file = (more: string) => (port: number) => webFile('', `    build: .\n`)(port).replace('    image: \n', '') + more
  const stack = await startStack(world, client, 'local', file(''), { Dockerfile: fromBase, page: 'v1' })
  await untilPage(stack, 'v1')
  stack.write('page', 'v2')
  const left = await deployAndWait(client, stack.name)
  expect(left.body, left.text).toMatchObject({ ok: true, changes: [] })
  expect(left.body.steps.find(({ name }: any) => name === 'pull').tail).toMatch(/web.*built/)
  expect(await stack.page()).toBe('v1')
  const building = file('x-deployer: { build: true }\n')
  stack.rewrite(building)
  const built = await deployAndWait(client, stack.name)
  expect(built.body, built.text).toMatchObject({ ok: true, changes: [{ service: 'web', why: 'image' }] })
  expect(built.body.steps.map(({ name }: any) => name)).toEqual(['status', 'config', 'pull', 'build', 'up', 'verify'])
  await untilPage(stack, 'v2')
  stack.write('Dockerfile', `FROM ${image}\nRUN false\n`)
  const broken = await deployAndWait(client, stack.name)
  expect(broken.body, broken.text).toMatchObject({ code: 'step_failed', rolled_back: false, changes: [] })
  expect(broken.body.steps.at(-1)).toMatchObject({ name: 'build', ok: false })
  await untilPage(stack, 'v2')
  stack.write('Dockerfile', `FROM ${image}\nCOPY page /www/index.html\nCMD ["/bin/busybox", "false"]\n`)
  const bad = await deployAndWait(client, stack.name)
  expect(bad.body, bad.text).toMatchObject({ code: 'step_failed', rolled_back: true })
  await untilPage(stack, 'v2')
})

it('one that was built here stays where no registry has it, and only there', async () => {
  const way = await holdRegistry(registry)
  const own = `${way.address}/built-here:latest`
  await makeImage(engine, own, 'v1')
  const stack = await startStack(world, client, 'built-here', webFile(own, '    build: .\n'), { Dockerfile: dockerfile })
  const before = await stack.containers()
  const nowhere = await deployAndWait(client, stack.name)
  expect(nowhere.body, nowhere.text).toMatchObject({ ok: true, changes: [] })
  expect(nowhere.body.steps.find(({ name }: any) => name === 'pull').tail).toContain(`no registry has ${own}`)
  // What a registry that cannot be reached has is not known.
  await way.stop()
  const away = await deployAndWait(client, stack.name)
  expect([away.status, away.body.code, away.body.steps.at(-1).name], away.text).toEqual([500, 'step_failed', 'pull'])
  expect(await stack.containers()).toEqual(before)
  await engine.docker('rmi', '-f', own)
})
