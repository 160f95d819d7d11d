import { afterAll, expect, it } from 'vitest'
import { command } from '../../lab/command.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startShipped } from '../../lab/shipped.ts'
import { startStack } from '../../lab/start-stack.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

// The stacks are started by the compose of this machine, and deployed by that of the image, which may call the same definition by another hash.
const world = useWorld()
const shipped = await startShipped(engine, world, { STEADY_TIME: '1', MIN_FREE_DISK: '0' })
afterAll(() => shipped.close())
const { client } = shipped

const image = (name: string) => `${registry}/shipped-compose-${name}:latest`
/** A service whose hash differs between composes. */
const last = (name: string, more: string) => `  last:\n    image: ${image(name)}\n    init: true\n    depends_on: [web]\n${more}`
const environment = (value: string) => `    environment: { GREETING: "${value}" }\n`
const greeting = async (id = '') => /GREETING=(.*)/.exec(await engine.docker('inspect', '--format', '{{.Config.Env}}', id))?.[1]

it('what another compose has started goes back whole, also where its file has changed since', async () => {
  await publishImage(engine, image('whole'), 'v1')
  const stack = await startStack(world, client, 'whole', webFile(image('whole'), last('whole', environment('old'))))
  stack.rewrite(webFile(image('whole'), last('whole', environment('new'))))
  await publishImage(engine, image('whole'), 'v2', 'crash')
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ code: 'step_failed', rolled_back: true, release: 1, changes: [] })
  await untilPage(stack, 'v1')
  expect(await greeting((await stack.idsOf('last'))[0])).toContain('old')
})

it('what no file says is never said to be back: a value came from the shell that the stack was started in', async () => {
  await publishImage(engine, image('shell'), 'v1')
  const stack = await world.addStack('shell', webFile(image('shell'), last('shell', environment('${GREETING:-default}'))))
  await command('docker', ['compose', 'up', '-d'], { DOCKER_HOST: engine.dockerHost, GREETING: 'shell' }, stack.dir)
  const [id = ''] = await stack.idsOf('last')
  expect(await greeting(id)).toContain('shell')
  await publishImage(engine, image('shell'), 'v2', 'crash')
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ code: 'rollback_failed', rolled_back: false })
})
