import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

import { registryDigest } from '../../../lab/registry-digest.ts'

const world = useWorld()
const image = (name: string) => `${registry}/beside-${name}:latest`
const { client } = await world.start('all')
const stateOf = async (id = '') => (await engine.docker('inspect', '--format', '{{.State.Status}}', id)).trim()

it.concurrent('what was broken before does not fail a deploy that does not touch it, and is named', async () => {
  await publishImage(engine, image('degraded'), 'v1')
  await publishImage(engine, image('looping'), 'v1', 'crash')
  const looping = `  looping:\n    image: ${image('looping')}\n    restart: always\n`
  const stack = await startStack(world, client, 'degraded', webFile(image('degraded'), looping))
  const before = await stack.idsOf('looping')
  await publishImage(engine, image('degraded'), 'v2')
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ ok: true, degraded: ['looping'], changes: [{ service: 'web' }] })
  await untilPage(stack, 'v2')
  expect(await stack.idsOf('looping')).toEqual(before)
})

it.concurrent('an image that is not the expected one is refused before anything changes', async () => {
  await publishImage(engine, image('expected'), 'v1')
  const stack = await startStack(world, client, 'expected', webFile(image('expected')))
  const former = await registryDigest(image('expected'))
  await publishImage(engine, image('expected'), 'v2')
  const digest = await registryDigest(image('expected'))
  const deploy = (expected: string) => client.plain('POST', `/deploy/${stack.name}?wait=true`, stack.name, { expect: { web: expected } })
  const wrong = await deploy(former)
  expect([wrong.status, wrong.body.code], wrong.text).toEqual([409, 'wrong_image'])
  expect(wrong.body.detail).toContain(digest)
  expect(await stack.page()).toBe('v1')
  const right = await deploy(digest)
  expect(right.body, right.text).toMatchObject({ ok: true, expect: { web: digest }, changes: [{ to_digest: digest }] })
  await untilPage(stack, 'v2')
})

it.concurrent('a service that was stopped by hand is stopped again by a rollback, and a one-off container runs on', async () => {
  await publishImage(engine, image('halted'), 'v1')
  await publishImage(engine, image('db'), 'db')
  const stack = await startStack(world, client, 'halted', webFile(image('halted'), `  db:\n    image: ${image('db')}\n    init: true\n`))
  await stack.compose('stop', '-t', '0', 'db')
  await stack.compose('run', '-d', '--name', `once-${stack.name}`, 'db', '/bin/busybox', 'sleep', '100000')
  await publishImage(engine, image('halted'), 'v2', 'crash')
  const failed = await deployAndWait(client, stack.name)
  expect(failed.body, failed.text).toMatchObject({ rolled_back: true, changes: [] })
  // The way back is about what is otherwise than before: it starts nothing that it has to stop again.
  const { tail } = failed.body.steps.find(({ name }: any) => name === 'rollback')
  expect(tail.split('\n').filter((line: string) => line.includes('db is stopped again'))).toHaveLength(1)
  await untilPage(stack, 'v1')
  expect(await stateOf(`${stack.name}-db-1`)).toBe('exited')
  expect(await stateOf(`once-${stack.name}`)).toBe('running')
  // A deploy runs the stack as its file says, as `docker compose up` does.
  await publishImage(engine, image('halted'), 'v3')
  const good = await deployAndWait(client, stack.name)
  expect(good.body, good.text).toMatchObject({ ok: true, changes: [{ service: 'web' }] })
  expect(await stateOf(`${stack.name}-db-1`)).toBe('running')
  expect(await stateOf(`once-${stack.name}`)).toBe('running')
  await engine.docker('rm', '-f', `once-${stack.name}`)
})

it.concurrent('a project of its own in a folder within is not taken for the stack', async () => {
  await publishImage(engine, image('outer'), 'v1')
  const inner = `services:\n  inner: { image: "${image('outer')}", init: true }\n`
  const stack = await startStack(world, client, 'outer', webFile(image('outer')), { 'within/compose.yaml': inner })
  const project = `within-${world.settings['WORKER_NAME']}`
  const within = ['-p', project, '--project-directory', 'within', '-f', 'within/compose.yaml']
  await stack.compose(...within, 'up', '-d')
  const before = await stack.idsOf('inner')
  await publishImage(engine, image('outer'), 'v2')
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ ok: true, changes: [{ service: 'web' }] })
  await untilPage(stack, 'v2')
  const { body: list } = await client.plain('GET', '/stacks', 'stacks')
  expect(list.stacks.find((one: any) => one.stack === stack.name)).toMatchObject({ services: ['web'] })
  // Without a container of its own the stack is one that does not run.
  await stack.compose('down', '-t', '0')
  const stopped = await deployAndWait(client, stack.name)
  expect([stopped.status, stopped.body.code], stopped.text).toEqual([409, 'not_running'])
  expect(await stack.idsOf('inner')).toEqual(before)
  expect(await stateOf(before[0])).toBe('running')
  await stack.compose(...within, 'down', '-t', '0')
})

it('what breaks beside a deploy that did not touch it fails that deploy', async () => {
  await publishImage(engine, image('neighbor'), 'v1')
  const run = (script: string) => `    command: ["/bin/busybox", "sh", "-c", "${script}"]\n    volumes: ["./shared:/shared"]\n`
  const lives = run('until test -f /shared/blow; do sleep 0.1; done; rm /shared/blow; echo struck; exit 1')
  const more = `  neighbor:\n    image: ${image('neighbor')}\n    init: true\n${lives}`
  const stack = await startStack(world, client, 'neighbor', webFile(image('neighbor'), more), { 'shared/empty': '' })
  const before = await stack.idsOf('neighbor')
  // Well itself, once the other one has had two seconds to feel it.
  const felt = '! test -f /shared/blow && test $$(( $$(date +%s) - $$(stat -c %Y /shared) )) -gt 2'
  const test = `["CMD", "/bin/busybox", "sh", "-c", "${felt}"]`
  const strikes = run('touch /shared/blow; exec httpd -f -p 8080 -h /www')
  const healthcheck = `    healthcheck: { test: ${test}, interval: 500ms, retries: 100 }\n`
  stack.rewrite((port) => webFile(image('neighbor'), strikes + healthcheck + more)(port))
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ ok: false, rolled_back: true, changes: [] })
  expect(body.message).toContain('neighbor exited with 1, although this deploy did not change it')
  await untilPage(stack, 'v1')
  expect(await stack.idsOf('neighbor')).toEqual(before)
  expect(await stateOf(before[0])).toBe('running')
})

it.concurrent('a service that the file has under a profile is left as it is, running or not', async () => {
  await publishImage(engine, image('profile'), 'v1')
  const more = `  tool:\n    image: ${image('profile')}\n    init: true\n    profiles: [tools]\n`
  const stack = await startStack(world, client, 'profile', webFile(image('profile'), more), {}, ['--profile', 'tools'])
  const before = await stack.idsOf('tool')
  await publishImage(engine, image('profile'), 'v2')
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ ok: true, changes: [{ service: 'web' }] })
  expect(body.steps[1].tail).toContain('tool runs, but its profile is not switched on here, so it is left alone')
  await untilPage(stack, 'v2')
  expect(await stack.idsOf('tool')).toEqual(before)
  expect(await stateOf(before[0])).toBe('running')
})

it.concurrent('a service that compose starts again with another is proven too, and started again on the way back', async () => {
  await publishImage(engine, image('again'), 'v1')
  const script = 'for i in 1 2 3; do sleep 1; done; wget -qO- http://web:8080 | grep -q v1 || exit 4; exec sleep 100000'
  const after = `  after:
    image: ${image('again')}
    init: true
    command: ["/bin/busybox", "sh", "-c", "${script}"]
    depends_on: { web: { condition: service_started, restart: true } }
    deploy: { update_config: { monitor: 5s } }
`
  const stack = await startStack(world, client, 'again', webFile(image('again'), after))
  await publishImage(engine, image('again-other'), 'v2')
  stack.rewrite(webFile(image('again-other'), after))
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ ok: false, code: 'step_failed', rolled_back: true, changes: [] })
  expect(body.message).toContain('after')
  await untilPage(stack, 'v1')
  expect(await stateOf(`${stack.name}-after-1`)).toBe('running')
})

it.concurrent('says when the file calls the project otherwise than the one that runs', async () => {
  await publishImage(engine, image('named'), 'v1')
  const stack = await startStack(world, client, 'named', webFile(image('named')))
  stack.rewrite((port) => `name: another\n${webFile(image('named'))(port)}`)
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ ok: true, changes: [] })
  const { tail } = body.steps.find(({ name }: any) => name === 'config')
  expect(tail).toContain(`"another"`)
  expect(tail).toContain(`"${stack.name}"`)
})

it.concurrent('a service that was stopped, and that a deploy starts, is proven like a new one', async () => {
  await publishImage(engine, image('asleep'), 'v1')
  const health = 'healthcheck: { test: ["CMD", "/bin/busybox", "test", "-e", "/flag/well"], interval: 500ms, retries: 2 }'
  const db = `  db:\n    image: ${image('asleep')}\n    init: true\n    volumes: ["./flag:/flag:ro"]\n    ${health}\n`
  const stack = await startStack(world, client, 'asleep', webFile(image('asleep'), db), { 'flag/well': '' })
  await stack.compose('stop', '-t', '0', 'db')
  rmSync(join(stack.dir, 'flag/well'))
  stack.rewrite(webFile(image('asleep'), `    environment: { NEW: "1" }\n${db}`))
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ ok: false, rolled_back: true })
  expect(body.message).toContain('db unhealthy')
  expect(await stateOf(`${stack.name}-db-1`)).toBe('exited')
})
