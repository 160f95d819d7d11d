import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = (name: string) => `${registry}/plan-${name}:latest`
const { client } = await world.start('all')

it('says what a deploy would do and changes nothing; the deploy then does that', async () => {
  await publishImage(engine, image('web'), 'v1')
  const service = (name: string, more = '') => `  ${name}:\n    image: ${image('web')}-${name}\n    init: true\n${more}`
  for (const name of ['same', 'other', 'gone', 'new', 'halted']) await publishImage(engine, `${image('web')}-${name}`, name)
  const file = webFile(image('web'), service('same') + service('other') + service('gone') + service('halted'))
  const stack = await startStack(world, client, 'plan', file)
  await stack.compose('stop', '-t', '0', 'halted')
  const second = await publishImage(engine, image('web'), 'v2')
  stack.rewrite(
    webFile(image('web'), service('same') + service('other', '    environment: { CHANGED: "yes" }\n') + service('halted') + service('new')),
  )
  const before = await stack.containers()
  const listImages = async () =>
    (await engine.docker('images', '-q', '--no-trunc', '--filter', `reference=${registry}/plan-*`)).split('\n').sort()
  const images = await listImages()

  const planned = await client.timed('POST', `/stacks/${stack.name}/plan?wait=true`)
  expect(planned.body, planned.text).toMatchObject({ ok: true, changes: [], refusal: null })
  const told = Object.fromEntries(planned.body.plan.map(({ service: name, action, why }: any) => [name, [action, why]]))
  expect(told).toEqual({
    web: ['recreate', 'image'],
    same: ['keep', null],
    other: ['recreate', 'definition'],
    gone: ['remove', null],
    new: ['create', 'missing'],
    halted: ['start', 'stopped'],
  })
  expect(await stack.containers()).toEqual(before)
  expect(await listImages()).toEqual(images)

  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ ok: true })
  const done = Object.fromEntries(body.changes.map(({ service: name, why }: any) => [name, why]))
  expect(done).toEqual({ web: 'image', other: 'definition', gone: null, new: 'missing' })
  expect(body.changes.find(({ service: name }: any) => name === 'web').to).toBe(second)
  const now = planned.body.plan.find(({ service: name }: any) => name === 'web')
  expect(now.to).toBe(body.changes.find(({ service: name }: any) => name === 'web').to_digest)

  const again = await client.timed('POST', `/stacks/${stack.name}/plan?wait=true&`)
  expect(new Set(again.body.plan.map(({ action }: any) => action)), again.text).toEqual(new Set(['keep']))
  await stack.compose('stop', '-t', '0')
  const refused = await client.timed('POST', `/stacks/${stack.name}/plan?wait=1`)
  expect(refused.body.refusal, refused.text).toMatchObject({ code: 'not_running' })
})

it('names the services that compose makes anew since it does so with another', async () => {
  await publishImage(engine, image('beside'), 'v1')
  const service = (name: string, more: string) =>
    `  ${name}:\n    image: ${image('beside')}\n    init: true\n    command: ["/bin/busybox", "sleep", "100000"]\n${more}`
  const others =
    service('network', '    network_mode: "service:web"\n') +
    service('volumes', '    volumes_from: [web]\n') +
    service('after', '    depends_on: [web]\n') +
    service('later', '    depends_on: [after]\n') +
    service('alone', '')
  const withValue = (value: string) => webFile(image('beside'), `    environment: { VALUE: "${value}" }\n${others}`)
  const stack = await startStack(world, client, 'beside', withValue('1'))
  stack.rewrite(withValue('2'))
  const planned = await client.timed('POST', `/stacks/${stack.name}/plan?wait=true`)
  const told = planned.body.plan.flatMap(({ service: name, action }: any) => (action === 'recreate' ? [name] : []))
  expect(told, planned.text).toEqual(expect.arrayContaining(['network', 'volumes', 'web']))
  const { body, text } = await deployAndWait(client, stack.name)
  expect(
    body.changes.map(({ service: name }: any) => name),
    text,
  ).toEqual(told)
})
