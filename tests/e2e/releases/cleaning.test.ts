import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { makeImage, publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { until } from '../../../lab/until.ts'
import { webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = (name: string) => `${registry}/cleaning-${name}:latest`
const { client } = await world.start('all', { KEEP_RELEASES: '2' })
const isHere = (id: string) =>
  engine.docker('image', 'inspect', id).then(
    () => true,
    () => false,
  )

it('forgets the images of forgotten releases, those alone that Deployer has pulled and that nothing uses', async () => {
  const ids = [await publishImage(engine, image('web'), `v1-${world.settings['WORKER_NAME']}`)]
  const stack = await startStack(world, client, 'cleaning', webFile(image('web')))
  for (const version of ['v2', 'v3', 'v4', 'v5', 'v6']) {
    ids.push(await publishImage(engine, image('web'), `${version}-${world.settings['WORKER_NAME']}`))
    const { body, text } = await deployAndWait(client, stack.name)
    expect(body, text).toMatchObject({ ok: true })
    // Somebody tries this one out on the side.
    if (version === 'v2') await engine.docker('create', '--name', `aside-${stack.name}`, ids[1] ?? '')
    // And keeps this one.
    if (version === 'v3') await engine.docker('tag', ids[2] ?? '', image('web').replace(':latest', ':backup'))
  }
  const { releases } = (await client.timed('GET', `/stacks/${stack.name}/releases`)).body
  expect(releases.map(({ number }: any) => number)).toEqual([6, 5])
  // Tidied up after the job has been told its end.
  await until('the fourth to be forgotten', async () => !(await isHere(ids[3] ?? '')))
  const here = await Promise.all(ids.map(isHere))
  await engine.docker('rm', '-f', `aside-${stack.name}`)
  // The first was the operator's, the second is in use, the third has a name of somebody's, the fourth is forgotten, the last two are kept.
  expect(here).toEqual([true, true, true, false, true, true])
  const listed = ['images', '--no-trunc', '--format', '{{.ID}}', '--filter', `reference=deployer-former/${stack.name}/*`]
  await until('two to be kept', async () => new Set((await engine.docker(...listed)).trim().split('\n')).size === 2)
  expect(new Set((await engine.docker(...listed)).trim().split('\n'))).toEqual(new Set(ids.slice(-2)))
})

it('leaves images that were made here, also when no name of theirs is left', async () => {
  const version = (number: number) => `v${number}-${world.settings['WORKER_NAME']}`
  const name = `made-here-${world.settings['WORKER_NAME']}`
  const ids = [await makeImage(engine, name, version(1))]
  const stack = await startStack(world, client, 'made-here', () => `services: {web: {image: ${name}, pull_policy: never, init: true}}\n`)
  const forgotten = async () =>
    !(await engine.docker('images', '--no-trunc', '--filter', `reference=deployer-former/${stack.name}/*`)).includes(ids[0] ?? '')
  for (const number of [2, 3, 4]) {
    ids.push(await makeImage(engine, name, version(number)))
    expect(await deployAndWait(client, stack.name)).toMatchObject({ body: { ok: true, changes: [{ service: 'web' }] } })
  }
  await until('the first to be forgotten', forgotten)
  expect(await Promise.all(ids.map(isHere))).toEqual([true, true, true, true])
})

it('leaves what another stack keeps whose name differs in no letter', async () => {
  const [one, other] = await Promise.all(
    ['twin-a', 'twin_a'].map(async (name) => {
      await publishImage(engine, image(name), 'v1')
      return startStack(world, client, name, webFile(image(name)))
    }),
  )
  const deploy = async (name: string, stack = '') => {
    await publishImage(engine, image(name), 'v2')
    const { body, text } = await deployAndWait(client, stack)
    expect(body, text).toMatchObject({ ok: true, changes: [{ service: 'web' }] })
  }
  const kept = async () => {
    const names = ['images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', `reference=deployer-former/${one?.name}/*`]
    return (await engine.docker(...names)).trim().split('\n')
  }
  await deploy('twin-a', one?.name)
  const before = await kept()
  expect(before).toHaveLength(2)
  await deploy('twin_a', other?.name)
  const after = await kept()
  expect(after).toHaveLength(4)
  expect(after).toEqual(expect.arrayContaining(before))
})

it('pulls nothing onto a disk that is nearly full', async () => {
  const full = await world.start('all', { MIN_FREE_DISK: '9000TB', WORKER_NAME: 'full', DATA_DIR: `${world.root}/.full` })
  await publishImage(engine, image('full'), 'v1')
  const stack = await startStack(world, full.client, 'full', webFile(image('full')))
  await publishImage(engine, image('full'), 'v2')
  const { status, body, text } = await deployAndWait(full.client, stack.name)
  expect([status, body.code], text).toEqual([409, 'disk_full'])
  expect(body.steps.map(({ name }: any) => name)).toEqual(['status', 'config'])
  expect(await stack.page()).toBe('v1')
})
