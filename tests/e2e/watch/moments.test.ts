import { afterAll, expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { until } from '../../../lab/until.ts'
import { createWatching } from '../../../lab/watching.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useRedis, useWorld } from '../../support.ts'

const world = useWorld()
const redis = await useRedis()
const host = world.settings['WORKER_NAME'] ?? ''
// No round will ever come: what is deployed here is deployed at its own moment.
const { client } = await world.start('all', { REDIS_URL: redis.url, SETTLE: '0', WATCH_EVERY: '0' })
const watching = createWatching(redis.url, host)
afterAll(() => watching.close())

/** Opens in two hours, for one. */
const closed = () => {
  const hour = (more: number) => `${String((new Date().getUTCHours() + more) % 24).padStart(2, '0')}:00`
  return `"${hour(2)}-${hour(3)}"`
}
const updateOf = async (stack: string) => {
  const { stacks } = (await client.plain('GET', '/stacks', 'stacks')).body
  return stacks.find((one: { stack: string }) => one.stack === stack).updates[0] ?? null
}
const hold = (stack: string, more: object = {}) => client.timed('PUT', `/stacks/${stack}/hold`, { reason: 'a test', ...more })
const release = (stack: string) => client.timed('DELETE', `/stacks/${stack}/hold`)
async function check(stack: string): Promise<void> {
  const id = await watching.check(stack)
  await until('the check', async () => (await client.plain('GET', `/jobs/${id}`, id)).body.ok)
}
/** A stack that runs v1 of what is v2 by now. */
async function outdated(name: string, wishes: string) {
  const image = `${registry}/${name}:latest`
  await publishImage(engine, image, 'v1')
  const stack = await startStack(world, client, name, webFile(image, `x-deployer: { watch: update${wishes} }\n`))
  await publishImage(engine, image, 'v2')
  return { ...stack, image }
}

it.concurrent('what was held is deployed as soon as it is released', async () => {
  const stack = await outdated('released', '')
  await hold(stack.name)
  await check(stack.name)
  expect(await updateOf(stack.name)).toMatchObject({ state: 'held', eligible_at: null })
  await release(stack.name)
  await untilPage(stack, 'v2')
  await until('nothing left', async () => (await updateOf(stack.name)) === null)
})

it.concurrent('what was held until a time is deployed when that has come, also where the hold came last', async () => {
  const stack = await outdated('until', ', settle: 1d')
  await check(stack.name)
  expect(await updateOf(stack.name)).toMatchObject({ state: 'settling' })
  await hold(stack.name, { until: new Date(Date.now() + 4000).toISOString() })
  stack.rewrite(webFile(stack.image, 'x-deployer: { watch: update }\n'))
  await check(stack.name)
  await untilPage(stack, 'v2')
})

it.concurrent('what is released outside of its window waits for that, and says so at once; a window that is edited counts at once', async () => {
  const stack = await outdated('windowed', `, window: ${closed()}`)
  await hold(stack.name)
  await check(stack.name)
  expect(await updateOf(stack.name)).toMatchObject({ state: 'held' })
  await release(stack.name)
  expect(await updateOf(stack.name)).toMatchObject({ state: 'window', eligible_at: expect.stringMatching(/:00:00\.000Z$/) })
  await until('the worker to say so', async () => (await watching.updates(stack.name))[0]?.state === 'window')
  stack.rewrite(webFile(stack.image, 'x-deployer: { watch: update, window: always }\n'))
  // Files are looked at once a minute, and whenever containers have changed.
  await startStack(world, client, 'another', webFile(stack.image))
  await untilPage(stack, 'v2')
})

it.concurrent('a signed request waits for neither window nor age, and no wish that is edited makes a container anew', async () => {
  const stack = await outdated('asked', `, window: ${closed()}, min_age: 3d`)
  await check(stack.name)
  expect(await updateOf(stack.name)).toMatchObject({ state: 'cooling' })
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, changes: [{ service: 'web', why: 'image' }] })
  await untilPage(stack, 'v2')
  await until('nothing left', async () => (await updateOf(stack.name)) === null)
  stack.rewrite((port) =>
    webFile(stack.image, 'x-deployer: { watch: notify }\n')(port).replace('init: true', 'init: true\n    x-deployer: { watch: off }'),
  )
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, changes: [] })
})

it.concurrent('what a signed request has deployed is not replaced by what was seen before it, when that may be deployed', async () => {
  const stack = await outdated('overtaken', `, window: ${closed()}`)
  await check(stack.name)
  expect(await updateOf(stack.name)).toMatchObject({ state: 'window' })
  await publishImage(engine, stack.image, 'v3')
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, changes: [{ service: 'web', why: 'image' }] })
  await until('nothing left', async () => (await updateOf(stack.name)) === null)
  stack.rewrite(webFile(stack.image, 'x-deployer: { watch: update, window: always }\n'))
  await startStack(world, client, 'beside-it', webFile(stack.image))
  await check(stack.name)
  expect(await updateOf(stack.name)).toBeNull()
  const { jobs } = (await client.plain('GET', `/jobs?stack=${stack.name}`, 'jobs')).body
  expect(jobs.filter(({ source }: Record<string, string>) => source === 'watch')).toEqual([])
  expect(await stack.page()).toContain('v3')
})

it.concurrent('what was gone back from twice stays away', async () => {
  const stack = await outdated('twice', '')
  await check(stack.name)
  await untilPage(stack, 'v2')
  await publishImage(engine, stack.image, 'v3')
  await check(stack.name)
  await untilPage(stack, 'v3')
  const idle = () =>
    until('the end of all jobs', async () =>
      (await client.plain('GET', `/jobs?stack=${stack.name}`, 'jobs')).body.jobs.every(({ ok }: Record<string, unknown>) => ok !== null),
    )
  for (const version of ['v2', 'v1']) {
    await idle()
    await client.timed('POST', `/stacks/${stack.name}/rollback`)
    await untilPage(stack, version)
  }
  await idle()
  await check(stack.name)
  expect(await updateOf(stack.name)).toMatchObject({ state: 'quarantined' })
  expect(await stack.page()).toContain('v1')
})

it.concurrent('images that are pushed one after the other go together, also where the look came between them', async () => {
  const [web, db] = ['web', 'db'].map((name) => `${registry}/together-${name}:latest`) as [string, string]
  for (const image of [web, db]) await publishImage(engine, image, 'v1')
  const file = webFile(web, `  db: { image: "${db}" }\nx-deployer: { watch: update, settle: 4s }\n`)
  const stack = await startStack(world, client, 'together', file)
  await publishImage(engine, web, 'v2')
  await check(stack.name)
  expect(await updateOf(stack.name)).toMatchObject({ service: 'web', state: 'settling' })
  await publishImage(engine, db, 'v2')
  await untilPage(stack, 'v2')
  const deploys = async () =>
    (await client.timed('GET', `/jobs?stack=${stack.name}`)).body.jobs.filter((job: any) => job.action === 'deploy')
  await until('its end', async () => (await deploys()).every(({ ok }: any) => ok))
  expect((await deploys()).map(({ changes }: any) => changes.map(({ service }: any) => service).sort())).toEqual([['db', 'web']])
})

it.concurrent('what settles, or is too young, is deployed when its time has come', async () => {
  const stack = await outdated('settling', ', min_age: 3s, settle: 5s')
  await check(stack.name)
  await untilPage(stack, 'v2')
  const jobs = (await client.plain('GET', `/jobs?stack=${stack.name}`, 'jobs')).body.jobs
  expect(jobs.map(({ action, source }: Record<string, string>) => `${action} ${source}`)).toEqual(['deploy watch', 'check request'])
})
