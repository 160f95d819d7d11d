import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = (name: string) => `${registry}/whole-${name}:latest`
const { client } = await world.start('all')
const page = (word: string) => `["/bin/busybox", "sh", "-c", "${word}"]`
const serve = page('exec httpd -f -p 8080 -h /www')

it('brings back a service whose definition failed together with the new image of another, and one that the new file had dropped', async () => {
  const first = await publishImage(engine, image('web'), 'v1')
  await publishImage(engine, image('api'), 'api')
  const more = (command: string) => `  api:
    image: ${image('api')}
    init: true
    command: ${command}
`
  const untouched = `  db:
    image: ${image('api')}
    init: true
`
  const dropped = `  extra:
    image: ${image('api')}
    init: true
    networks: [aside]
networks: { aside: {} }
`
  const stack = await startStack(world, client, 'whole', webFile(image('web'), more(serve) + untouched + dropped))
  await untilPage(stack, 'v1')
  const [db] = await stack.idsOf('db')
  const since = () => engine.docker('inspect', '--format', '{{.State.StartedAt}} {{.RestartCount}}', db ?? '')
  const started = await since()
  const second = await publishImage(engine, image('web'), 'v2')
  stack.rewrite(webFile(image('web'), more(page('echo no such option; exit 2')) + untouched))

  const { status, body } = await deployAndWait(client, stack.name)
  expect([status, body.code, body.rolled_back], JSON.stringify(body)).toEqual([500, 'step_failed', true])
  expect(body.message).toMatch(/^verify failed: api exited with 2/)
  expect(body.changes).toEqual([])
  expect(body.steps.find(({ name }: any) => name === 'verify').tail).toContain('api | no such option')
  await untilPage(stack, 'v1')
  for (const service of ['web', 'api', 'extra']) {
    const [id = ''] = await stack.idsOf(service)
    const format = '{{.State.Status}} {{index .Config.Labels "com.docker.compose.project"}}'
    expect([service, (await engine.docker('inspect', '--format', format, id)).trim()]).toEqual([service, `running ${stack.name}`])
  }
  const [extra = ''] = await stack.idsOf('extra')
  expect(await engine.docker('inspect', '--format', '{{json .NetworkSettings.Networks}}', extra)).toContain(`${stack.name}_aside`)
  expect((await engine.docker('image', 'inspect', '--format', '{{.Id}}', image('web'))).trim()).toBe(first)
  // What the deploy did not touch was never touched.
  expect(await stack.idsOf('db')).toEqual([db])
  expect(await since()).toBe(started)

  // The file is mended: now the new image comes, and the dropped service goes.
  stack.rewrite(webFile(image('web'), more(serve) + untouched))
  const cured = await deployAndWait(client, stack.name)
  expect(cured.body, JSON.stringify(cured.body)).toMatchObject({ ok: true, code: null })
  const changes = Object.fromEntries(cured.body.changes.map((change: any) => [change.service, [change.why, change.to]]))
  expect(changes).toEqual({ web: ['image', second], extra: [null, null] })
  await untilPage(stack, 'v2')
  expect(await stack.idsOf('extra')).toEqual([])
  expect(await stack.idsOf('db')).toEqual([db])
})
