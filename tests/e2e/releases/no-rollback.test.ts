import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = (name: string) => `${registry}/no-rollback-${name}:latest`
const { client } = await world.start('all', { ROLLBACK: 'false', HEALTH_TIMEOUT: '10' })

it('without rollback a service that loops is never a success, however often it is asked; the cure is', async () => {
  await publishImage(engine, image('loop'), 'v1')
  const file = webFile(image('loop'), '    restart: always\n')
  const stack = await startStack(world, client, 'loop', file)
  const bad = await publishImage(engine, image('loop'), 'v2', 'crash')
  const first = await deployAndWait(client, stack.name)
  expect([first.status, first.body.rolled_back], JSON.stringify(first.body)).toEqual([500, false])
  expect(first.body).toMatchObject({ code: 'step_failed', changes: [{ to: bad }] })
  expect(first.body.message).toMatch(/^verify failed: web .*ROLLBACK is off/)
  // Nothing is made anew by this one, so it is not by new containers that it can tell.
  const second = await deployAndWait(client, stack.name)
  expect([second.status, second.body.code], JSON.stringify(second.body)).toEqual([500, 'step_failed'])
  // An `up` that comes to nothing proves nothing either.
  stack.rewrite((port) => `${file(port)}    networks: [gone]\nnetworks: { gone: { external: true } }\n`)
  const nothing = await deployAndWait(client, stack.name)
  expect(nothing.body.message, nothing.text).toContain('Nothing had been changed')
  stack.rewrite(file)
  const third = await deployAndWait(client, stack.name)
  expect([third.status, third.body.code], JSON.stringify(third.body)).toEqual([500, 'step_failed'])
  await publishImage(engine, image('loop'), 'v3')
  const cured = await deployAndWait(client, stack.name)
  expect(cured.body, JSON.stringify(cured.body)).toMatchObject({ ok: true, changes: [{ from: bad }] })
  await untilPage(stack, 'v3')
})

it('without rollback a service that has ended can be deployed again, though nothing of the stack runs', async () => {
  await publishImage(engine, image('ended'), 'v1')
  const stack = await startStack(world, client, 'ended', webFile(image('ended')))
  await publishImage(engine, image('ended'), 'v2', 'crash')
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ code: 'step_failed', rolled_back: false })
  expect((await stack.compose('ps', '-q', '--status', 'running')).trim()).toBe('')
  const again = await deployAndWait(client, stack.name)
  expect([again.status, again.body.code], JSON.stringify(again.body)).toEqual([500, 'step_failed'])
  await publishImage(engine, image('ended'), 'v3')
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true })
  await untilPage(stack, 'v3')
})

it('once rollback is on again, the way back from what was left without one leads to what was well', async () => {
  const settings = { WORKER_NAME: 'turned', DATA_DIR: `${world.root}/.turned` }
  const without = await world.start('all', { ...settings, ROLLBACK: 'false' })
  await publishImage(engine, image('turned'), 'v1')
  const stack = await startStack(world, without.client, 'turned', webFile(image('turned')))
  await publishImage(engine, image('turned'), 'v2', 'crash')
  const left = await deployAndWait(without.client, stack.name)
  expect(left.body, left.text).toMatchObject({ code: 'step_failed', rolled_back: false })
  await without.stop()
  const { client } = await world.start('all', settings)
  await publishImage(engine, image('turned'), 'v3', 'crash')
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ code: 'step_failed', rolled_back: true, release: 1 })
  await untilPage(stack, 'v1')
})

it('why an up failed stands at the end of its tail, behind what the service said that failed, each time', async () => {
  await publishImage(engine, image('task'), 'v1')
  const file = (script: string) =>
    webFile(
      image('task'),
      `    depends_on: { migrate: { condition: service_completed_successfully } }\n  migrate: { image: "${image('task')}", command: ["/bin/busybox", "sh", "-c", "${script}"] }\n`,
    )
  const stack = await startStack(world, client, 'task', file('echo done'))
  stack.rewrite(file('echo this version cannot start; exit 3'))
  // The second time compose starts the container that it made at the first.
  for (const time of ['first', 'second']) {
    const { body, text } = await deployAndWait(client, stack.name)
    const { tail } = body.steps.find(({ name }: any) => name === 'up')
    expect(tail, `${time}: ${text}`).toMatch(/migrate \| this version cannot start\n[^|]*exit 3\n$/)
  }
})
