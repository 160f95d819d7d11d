import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = (name: string) => `${registry}/proof-${name}:latest`
const { client } = await world.start('all', { STEADY_TIME: '6', HEALTH_TIMEOUT: '4', UP_TIMEOUT: '90' })
const stepOf = (job: any, name: string) => job.steps.find((step: any) => step.name === name)

it.concurrent.each(['no', 'unless-stopped'])('a server that prints its usage and ends with 0 has failed (restart: %s)', async (restart) => {
  const name = `usage-${restart}`
  await publishImage(engine, image(name), 'v1')
  const stack = await startStack(world, client, name, webFile(image(name), `    restart: "${restart}"\n`))
  await publishImage(engine, image(name), 'v2', 'usage')
  const { body } = await deployAndWait(client, stack.name)
  expect(body, JSON.stringify(body)).toMatchObject({ code: 'step_failed', rolled_back: true })
  expect(stepOf(body, 'verify').tail).toContain('web | usage: server [--port N]')
  await untilPage(stack, 'v1')
})

it.concurrent('a service without a health check that ends within its steady time has failed', async () => {
  await publishImage(engine, image('dying'), 'v1')
  const stack = await startStack(world, client, 'dying', webFile(image('dying')))
  await publishImage(engine, image('dying'), 'v2', 'die-later')
  const { body } = await deployAndWait(client, stack.name)
  expect(body, JSON.stringify(body)).toMatchObject({ code: 'step_failed', rolled_back: true })
  expect(body.message).toMatch(/^verify failed: web exited with 1/)
  await untilPage(stack, 'v1')
})

it.concurrent('a service whose start period is long may take it, whatever HEALTH_TIMEOUT says', async () => {
  const check =
    '    healthcheck: { test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"], interval: 1s, start_period: 300s }\n'
  await publishImage(engine, image('late'), 'v1')
  const stack = await startStack(world, client, 'late', webFile(image('late'), check))
  await publishImage(engine, image('late'), 'v2', 'serve-late')
  const { body } = await deployAndWait(client, stack.name)
  expect(body, JSON.stringify(body)).toMatchObject({ ok: true })
  expect(stepOf(body, 'verify').tail).toContain('web healthy')
  await untilPage(stack, 'v2')
})

it.concurrent('an up that waits for a one-shot which restarts over and over is ended, long before its time is over', async () => {
  await publishImage(engine, image('setup'), 's1', 'one-shot')
  await publishImage(engine, image('waiting'), 'v1')
  const more = `    depends_on: { setup: { condition: service_completed_successfully } }
  setup:
    image: ${image('setup')}
    restart: on-failure
`
  const stack = await startStack(world, client, 'waiting', webFile(image('waiting'), more))
  await untilPage(stack, 'v1')
  await publishImage(engine, image('setup'), 's2', 'crash')
  await publishImage(engine, image('waiting'), 'v2')
  const { body } = await deployAndWait(client, stack.name)
  expect(body, JSON.stringify(body)).toMatchObject({ code: 'step_failed', rolled_back: true })
  expect(body.message).toMatch(/^up failed: setup, which others wait for, restarts over and over/)
  await untilPage(stack, 'v1')
})
