import { afterAll, expect, it } from 'vitest'
import { registryDigest } from '../../../lab/registry-digest.ts'
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
const { client } = await world.start('all', { REDIS_URL: redis.url, SETTLE: '0', WATCH_EVERY: '1h' })
const watching = createWatching(redis.url, host)
afterAll(() => watching.close())
const WATCHED = 'x-deployer: { watch: update }\n'

const jobsOf = async (stack: string) => (await client.timed('GET', `/jobs?stack=${stack}`)).body.jobs
const watchJobs = async (stack: string) => (await jobsOf(stack)).filter(({ source }: { source: string }) => source === 'watch')
const ended = async (stack: string, count: number) =>
  until(`the end of watched deploy ${count} of ${stack}`, async () => {
    const jobs = await watchJobs(stack)
    return jobs.length === count && jobs.every(({ ok }: { ok: boolean | null }) => ok !== null) && jobs[0]
  })

it('an image is pushed and nobody tells: the next tick deploys it, and a bad one once', async () => {
  const image = `${registry}/watched:latest`
  await publishImage(engine, image, 'v1')
  const stack = await startStack(world, client, 'watched', webFile(image, WATCHED))
  await watching.check(stack.name)
  await until('the first check', async () => (await watching.redis.hexists(`deployer:updates:${host}`, stack.name)) === 1)
  expect(await watching.updates(stack.name)).toEqual([])

  await publishImage(engine, image, 'v2')
  expect(await watching.round()).toBeNull()
  const job = await ended(stack.name, 1)
  expect(job).toMatchObject({
    action: 'deploy',
    ok: true,
    source: 'watch',
    by: 'watch',
    changes: [{ service: 'web', to_digest: await registryDigest(image) }],
  })
  await untilPage(stack, 'v2')
  await until('no update', async () => (await watching.updates(stack.name)).length === 0)

  await publishImage(engine, image, 'v3', 'crash')
  const bad = await registryDigest(image)
  await watching.round()
  expect(await ended(stack.name, 2)).toMatchObject({ ok: false, code: 'step_failed', rolled_back: true })
  await untilPage(stack, 'v2')
  const quarantined = [expect.objectContaining({ service: 'web', available: bad, state: 'quarantined' })]
  await until('the quarantine', async () => (await watching.updates(stack.name))[0]?.state === 'quarantined')
  await watching.round()
  expect(await watching.updates(stack.name)).toEqual(quarantined)
  expect(await watchJobs(stack.name)).toHaveLength(2)

  // Asked for before it was rolled back, while something else ran.
  await watching.deploy(stack.name, { web: bad })
  expect(await ended(stack.name, 3)).toMatchObject({
    state: 'canceled',
    code: 'canceled',
    steps: [],
    message: expect.stringMatching(/rolled back/),
  })
  await untilPage(stack, 'v2')

  // Who asks does not wait for the quarantine, and ends it.
  stack.rewrite((port) =>
    webFile(image, WATCHED)(port).replace('init: true', 'init: true\n    command: [/bin/busybox, httpd, -f, -p, "8080", -h, /www]'),
  )
  expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true })
  await untilPage(stack, 'v3')
  await until('no update', async () => (await watching.updates(stack.name)).length === 0)
  await publishImage(engine, image, 'v4')
  await watching.round()
  expect(await ended(stack.name, 4)).toMatchObject({ ok: true, message: null })
  await untilPage(stack, 'v4')
  // What a job tells needs no other message.
  expect((await watching.outbox()).filter(({ kind }) => kind === 'updates')).toEqual([])
  expect(await deployAndWait(client, stack.name)).toMatchObject({ body: { ok: true, changes: [] } })
})
