import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = (name: string) => `${registry}/history-${name}:latest`
const { client } = await world.start('all')

it.concurrent('a rollback takes the last deploy back and no other, once more goes further, and any kept release can be picked', async () => {
  const db1 = await publishImage(engine, image('db'), 'db1')
  const web1 = await publishImage(engine, image('web'), 'web1')
  const stack = await startStack(world, client, 'history', webFile(image('web'), `  db:\n    image: ${image('db')}\n    init: true\n`))
  const db2 = await publishImage(engine, image('db'), 'db2')
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, release: 2, changes: [{ service: 'db' }] })
  const web2 = await publishImage(engine, image('web'), 'web2')
  const second = await deployAndWait(client, stack.name)
  expect(second.body).toMatchObject({ ok: true, release: 3, changes: [{ service: 'web' }] })
  const db = await stack.idsOf('db')
  const rollback = async (body?: unknown) => (await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`, body)).body
  const releases = async () => (await client.timed('GET', `/stacks/${stack.name}/releases`)).body.releases

  expect(await rollback()).toMatchObject({ ok: true, release: 2, changes: [{ service: 'web', from: web2, to: web1 }] })
  await untilPage(stack, 'web1')
  expect(await stack.idsOf('db')).toEqual(db)
  expect(await rollback()).toMatchObject({ ok: true, release: 1, changes: [{ service: 'db', from: db2, to: db1 }] })
  expect((await releases()).map(({ number, current, verified }: any) => [number, current, verified])).toEqual([
    [3, false, true],
    [2, false, true],
    [1, true, true],
  ])
  const nothing = await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`)
  expect([nothing.status, nothing.body.code]).toEqual([409, 'nothing_to_roll_back'])
  const missing = await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`, { to: 77 })
  expect([missing.status, missing.body.code]).toEqual([404, 'release_not_found'])
  const to = await rollback({ to: 3 })
  expect(to, JSON.stringify(to)).toMatchObject({
    ok: true,
    release: 3,
    changes: [
      { service: 'db', to: db2 },
      { service: 'web', to: web2 },
    ],
  })
  await untilPage(stack, 'web2')
  expect((await releases())[0]).toMatchObject({
    number: 3,
    current: true,
    job_id: second.body.job_id,
    services: { web: { image: image('web') }, db: { image: image('db') } },
  })
})

it.concurrent('a rollback after an update by hand goes to what ran before that', async () => {
  await publishImage(engine, image('hand'), 'v1')
  const stack = await startStack(world, client, 'hand', webFile(image('hand')))
  await publishImage(engine, image('hand'), 'v2')
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, release: 2 })
  await publishImage(engine, image('hand'), 'v3')
  await stack.compose('pull', '--quiet')
  await stack.compose('up', '-d')
  const { body, text } = await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`)
  expect(body, text).toMatchObject({ ok: true, release: 2 })
  await untilPage(stack, 'v2')
})

it.concurrent('a service that was stopped by hand stays so after a failure, on the image that it had, and no rollback goes to that', async () => {
  await publishImage(engine, image('down'), 'v1')
  const stack = await startStack(world, client, 'down', webFile(image('down'), `  more:\n    image: ${image('down')}\n    init: true\n`))
  await stack.compose('stop', '-t', '0', 'web')
  await publishImage(engine, image('down'), 'v2', 'crash')
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ rolled_back: true, release: 2 })
  const [web = ''] = await stack.idsOf('web')
  const format = '{{.State.Running}} {{.Config.Labels.version}}'
  expect((await engine.docker('inspect', '--format', format, web)).trim()).toBe('false v1')
  await stack.compose('start', 'web')
  const picked = await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`, { to: 2 })
  expect(picked.body, picked.text).toMatchObject({ ok: true, release: 2 })
  expect(await stack.compose('ps', '--services', '--status', 'running')).toBe('more\n')
  await publishImage(engine, image('down'), 'v3')
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true })
  const { body, text } = await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`)
  expect(body, text).toMatchObject({ ok: true })
  await untilPage(stack, 'v1')
})

it.concurrent('a rollback on request to an image that does not start ends in what ran', async () => {
  await publishImage(engine, image('flaky'), 'v1')
  const flag =
    '    command: ["/bin/busybox", "sh", "-c", "[ ! -e /flags/broken ] && exec httpd -f -p 8080 -h /www"]\n    volumes: ["./flags:/flags:ro"]\n'
  const plain = webFile(image('flaky'))
  const stack = await startStack(world, client, 'flaky', webFile(image('flaky'), flag), { 'flags/none': '' })
  await untilPage(stack, 'v1')
  stack.rewrite(plain)
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, changes: [{ why: 'definition' }] })
  // What a bind mount has in it does not go back.
  stack.write('flags/broken', '')
  const before = (await client.timed('GET', `/stacks/${stack.name}/releases?`)).body.releases
  const back = (await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`)).body
  expect(back, JSON.stringify(back)).toMatchObject({ code: 'step_failed', rolled_back: true, release: 2, changes: [] })
  await untilPage(stack, 'v1')
  expect(before[0]).toMatchObject({ number: 2, current: true })
})
