import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { until } from '../../../lab/until.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = (name: string) => `${registry}/odd-${name}:latest`
const { client } = await world.start('all', { KEEP_RELEASES: '2' })
const rollback = (stack: string, body?: unknown) => client.timed('POST', `/stacks/${stack}/rollback?wait=true`, body)

it.concurrent('a rollback on request leaves a service that a profile switches off as it is', async () => {
  await publishImage(engine, image('off'), 'v1')
  const more = `  tool:\n    image: ${image('off')}\n    init: true\n    profiles: [tools]\n`
  const stack = await startStack(world, client, 'off', webFile(image('off'), more), {}, ['--profile', 'tools'])
  const before = await stack.idsOf('tool')
  await publishImage(engine, image('off'), 'v2')
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true })
  const back = await rollback(stack.name)
  expect(back.body, back.text).toMatchObject({ ok: true, changes: [{ service: 'web' }] })
  await untilPage(stack, 'v1')
  expect(await stack.idsOf('tool')).toEqual(before)
})

it.concurrent('an image that somebody else has pulled is not removed when its release is forgotten', async () => {
  const own = `mine-${world.settings['WORKER_NAME']}`
  await publishImage(engine, image('mine'), `${own}-1`)
  const stack = await startStack(world, client, 'mine', webFile(image('mine')))
  const id = await publishImage(engine, image('mine'), `${own}-2`)
  await engine.docker('pull', '--quiet', image('mine'))
  for (const version of [2, 3, 4, 5]) {
    if (version > 2) await publishImage(engine, image('mine'), `${own}-${version}`)
    const { body, text } = await deployAndWait(client, stack.name)
    expect(body, text).toMatchObject({ ok: true })
  }
  const names = ['images', '--no-trunc', '--format', '{{.ID}}', '--filter', `reference=deployer-former/${stack.name}/*`]
  await until('it to be forgotten', async () => !(await engine.docker(...names)).includes(id))
  // Whoever forgets has the stack's lock until it has let images go.
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true })
  expect((await engine.docker('image', 'inspect', '--format', '{{.Id}}', id)).trim()).toBe(id)
})

it.concurrent('where nobody knows what ran before, images go back and nothing says rolled back', async () => {
  await publishImage(engine, image('lost'), 'v1')
  // Started and changed before any worker has seen it as its file says.
  const stack = await world.addStack('lost', webFile(image('lost'), '    environment: { LEVEL: "1" }\n'))
  const file = webFile(image('lost'), '    environment: { LEVEL: "2" }\n')
  await stack.compose('up', '-d')
  stack.rewrite(file)
  await publishImage(engine, image('lost'), 'v2', 'crash')
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ ok: false, rolled_back: false, code: 'rollback_failed' })
  expect(body.message).toContain('not all that ran before is known')
  await untilPage(stack, 'v1')
  const picked = await rollback(stack.name, { to: 1 })
  expect([picked.status, picked.body.code], picked.text).toEqual([404, 'release_not_found'])
})

it.concurrent('a service of which there were more or fewer than its file says is so again', async () => {
  await publishImage(engine, image('scaled'), 'v1')
  const more = `  more:\n    image: ${image('scaled')}\n    init: true\n    scale: 2\n`
  const stack = await startStack(world, client, 'scaled', webFile(image('scaled'), more))
  await stack.compose('up', '-d', '--scale', 'more=1')
  await publishImage(engine, image('scaled'), 'v2', 'crash')
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ rolled_back: true })
  expect(await stack.idsOf('more')).toHaveLength(1)
})

it.concurrent('what was broken when it was seen first is no release that a rollback goes to', async () => {
  await publishImage(engine, image('sick'), 'v1')
  await publishImage(engine, image('sick-other'), 'v1', 'crash')
  const stack = await startStack(
    world,
    client,
    'sick',
    webFile(image('sick'), `  other:\n    image: ${image('sick-other')}\n    restart: always\n`),
  )
  await publishImage(engine, image('sick'), 'v2')
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, degraded: ['other'] })
  const { body } = await rollback(stack.name)
  expect(body).toMatchObject({ code: 'nothing_to_roll_back' })
})

it.concurrent('a stack that a job has left down keeps the name of its project', async () => {
  const settings = { WORKER_NAME: `${world.settings['WORKER_NAME']}-other`, DATA_DIR: `${world.root}/.other`, ROLLBACK: 'false' }
  const without = await world.start('all', settings)
  await publishImage(engine, image('project'), 'v1')
  const project = `other-${world.settings['WORKER_NAME']}`
  const stack = await startStack(world, without.client, 'project', webFile(image('project')), {}, ['-p', project])
  await publishImage(engine, image('project'), 'v2', 'crash')
  expect((await deployAndWait(without.client, stack.name)).body).toMatchObject({ ok: false, rolled_back: false })
  await stack.compose('-p', project, 'down', '-t', '0')
  await publishImage(engine, image('project'), 'v3')
  const { body, text } = await deployAndWait(without.client, stack.name)
  expect(body, text).toMatchObject({ ok: true })
  expect((await engine.docker('ps', '-q', '--filter', `label=com.docker.compose.project=${project}`)).trim()).not.toBe('')
  await stack.compose('-p', project, 'down', '-t', '0')
})
