import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { pushIndex } from '../../../lab/push-index.ts'
import { registryDigest } from '../../../lab/registry-digest.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { until } from '../../../lab/until.ts'
import { createWatching } from '../../../lab/watching.ts'
import { untilPage } from '../../../lab/world.ts'
import { engine, registry, useRedis, useWorld } from '../../support.ts'

const world = useWorld()
const redis = await useRedis()
const host = world.settings['WORKER_NAME'] ?? ''
const service = await world.start('all', { REDIS_URL: redis.url, SETTLE: '0', WATCH_EVERY: '1h' })
const { client } = service
const watching = createWatching(redis.url, host)
afterAll(() => watching.close())

const watchJobs = async (stack: string) =>
  (await client.timed('GET', `/jobs?stack=${stack}`)).body.jobs.filter(({ source }: { source: string }) => source === 'watch')
const ended = (stack: string, count: number) =>
  until(`the end of watched deploy ${count} of ${stack}`, async () => {
    const jobs = await watchJobs(stack)
    return jobs.length === count && jobs.every(({ ok }: { ok: boolean | null }) => ok !== null) && jobs[0]
  })
const states = async (stack: string) => Object.fromEntries((await watching.updates(stack)).map(({ service, state }) => [service, state]))
const news = async () =>
  (await watching.outbox()).flatMap((entry) =>
    entry.kind === 'updates' ? [entry.updates.map(({ stack, service }) => `${stack}/${service}`)] : [],
  )

/** Everything was seen so much earlier. */
function age(days: number): void {
  const file = join(world.settings['DATA_DIR'] ?? '', 'watch.json')
  const earlier = (time: string) => new Date(Date.parse(time) - days * 86_400_000).toISOString()
  const aged = readFileSync(file, 'utf8').replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, earlier)
  writeFileSync(`${file}.aged`, aged)
  renameSync(`${file}.aged`, file)
}

it('only what may be updated is: what is told of, pinned or built here stays, and so does another service of the same image', async () => {
  const [app, db] = [`${registry}/some-app:latest`, `${registry}/some-db:latest`]
  await publishImage(engine, app, 'v1')
  await publishImage(engine, db, 'v1')
  const pin = `${registry}/some-app@${await registryDigest(app)}`
  const file = (port: number) => `x-deployer: { watch: update }
services:
  web: { image: "${app}", init: true, ports: ["127.0.0.1:${port}:8080"] }
  twin: { image: "${app}", init: true, x-deployer: { watch: notify } }
  db:
    image: "${db}"
    init: true
    labels: { com.centurylinklabs.watchtower.monitor-only: "true" }
  quiet: { image: "${db}", init: true, x-deployer: { watch: off } }
  pinned: { image: "${pin}", init: true }
  built: { build: ., init: true }
`
  const dockerfile = { Dockerfile: `FROM ${app}\nLABEL built=here\n` }
  const stack = await startStack(world, client, 'some', file, dockerfile)
  const others = ['twin', 'db', 'quiet', 'pinned', 'built']
  const idsOfOthers = async () => (await Promise.all(others.map((service) => stack.idsOf(service)))).flat()
  const before = await idsOfOthers()
  await watching.round()
  expect(await states(stack.name)).toEqual({ built: 'local' })

  await publishImage(engine, app, 'v2')
  await publishImage(engine, db, 'v2')
  // Somebody has pulled by hand: the name leads elsewhere here already.
  await engine.docker('pull', '--quiet', db)
  await watching.round()
  expect(await ended(stack.name, 1)).toMatchObject({
    ok: true,
    changes: [{ service: 'web', why: 'image', to_digest: await registryDigest(app) }],
  })
  await untilPage(stack, 'v2')
  expect(await idsOfOthers()).toEqual(before)
  await until('the states', async () => (await states(stack.name))['web'] === undefined)
  expect(await states(stack.name)).toEqual({ built: 'local', db: 'notify', twin: 'notify' })
  expect(await news()).toEqual([[`${stack.name}/db`, `${stack.name}/twin`]])
  await watching.round()
  expect(await news()).toHaveLength(1)
  expect(service.logLines().filter(({ event }) => event === 'image_local')).toMatchObject([{ image: expect.stringContaining('built') }])

  // Who asks gets everything.
  const asked = await deployAndWait(client, stack.name)
  expect(asked.body.changes.map(({ service }: { service: string }) => service)).toEqual(['db', 'quiet', 'twin'])
  await until('nothing left', async () => Object.keys(await states(stack.name)).join() === 'built')
  expect(await watchJobs(stack.name)).toHaveLength(1)
})

it('with min_age the newest image that is old enough is deployed, though its name has moved on', async () => {
  const image = `${registry}/aged:latest`
  await publishImage(engine, image, 'v1')
  const file = (port: number) =>
    `x-deployer: { watch: update, min_age: 3d }\nservices:\n  web: { image: "${image}", init: true, ports: ["127.0.0.1:${port}:8080"] }\n`
  const stack = await startStack(world, client, 'aged', file)
  await watching.round()
  await publishImage(engine, image, 'v2')
  const second = await registryDigest(image)
  await watching.round()
  expect(await watching.updates(stack.name)).toMatchObject([{ available: second, state: 'cooling', eligible_at: expect.any(String) }])
  age(2)
  await publishImage(engine, image, 'v3')
  await watching.round()
  expect(await states(stack.name)).toEqual({ web: 'cooling' })
  expect(await watchJobs(stack.name)).toEqual([])
  age(2)
  await watching.round()
  expect(await ended(stack.name, 1)).toMatchObject({ ok: true, changes: [{ to_digest: second }] })
  await untilPage(stack, 'v2')
  await until('the next one', async () => (await states(stack.name))['web'] === 'cooling')
  expect(await watching.updates(stack.name)).toMatchObject([{ running: second, available: await registryDigest(image) }])
})

it('what only has to wait is deployed when its moment comes, without another question to a registry', async () => {
  const image = `${registry}/settled:latest`
  await publishImage(engine, image, 'v1')
  const file = (port: number) =>
    `x-deployer: { watch: update, min_age: 1d }\nservices:\n  web: { image: "${image}", init: true, ports: ["127.0.0.1:${port}:8080"] }\n`
  const stack = await startStack(world, client, 'settled', file)
  await publishImage(engine, image, 'v2')
  await watching.round()
  expect(await watching.updates(stack.name)).toMatchObject([{ state: 'cooling', eligible_at: expect.any(String) }])
  // Nothing is asked any more: what has come since is not seen.
  const second = await registryDigest(image)
  await publishImage(engine, image, 'v3')
  age(2)
  await watching.wake()
  expect(await ended(stack.name, 1)).toMatchObject({ ok: true, changes: [{ to_digest: second }] })
  await untilPage(stack, 'v2')
})

it('an index of two platforms is what its digest says, in two stacks that have it', async () => {
  const repository = `${registry}/multi`
  const architecture = (await engine.docker('version', '--format', '{{.Server.Arch}}')).trim()
  const push = async (version: string) => {
    await publishImage(engine, `${repository}:${version}`, version)
    await publishImage(engine, `${repository}:other`, `${version} of another platform`)
    const other = architecture === 'amd64' ? 'arm64' : 'amd64'
    return pushIndex(repository, 'latest', { [other]: 'other', [architecture]: version })
  }
  const file = (port: number) =>
    `x-deployer: { watch: update }\nservices:\n  web: { image: "${repository}:latest", init: true, ports: ["127.0.0.1:${port}:8080"] }\n`
  const first = await push('v1')
  const stacks = [await startStack(world, client, 'multi-a', file), await startStack(world, client, 'multi-b', file)]
  await watching.round()
  for (const stack of stacks) expect(await watching.updates(stack.name)).toEqual([])

  const second = await push('v2')
  await watching.round()
  for (const stack of stacks) {
    expect(await ended(stack.name, 1)).toMatchObject({ ok: true, changes: [{ from_digest: first, to_digest: second }] })
    await untilPage(stack, 'v2')
    await until('nothing left', async () => (await watching.updates(stack.name)).length === 0)
  }
})

it('a check on request does for a stack what a tick does, and for one that is not watched it tells and does no more', async () => {
  const image = `${registry}/asked-for:latest`
  await publishImage(engine, image, 'v1')
  const file = (more: string) => (port: number) =>
    `${more}services:\n  web: { image: "${image}", init: true, ports: ["127.0.0.1:${port}:8080"] }\n`
  const stack = await startStack(world, client, 'asked', file(''))
  await publishImage(engine, image, 'v2')
  const check = async () => {
    const id = await watching.check(stack.name)
    return (await client.plain('GET', `/jobs/${id}?wait=true`, id)).body
  }
  const told = (await news()).length
  const began = String(Date.now() / 1000)
  expect(await check()).toMatchObject({
    action: 'check',
    ok: true,
    steps: [{ name: 'check', ok: true, tail: expect.stringContaining('(notify)') }],
  })
  expect(await states(stack.name)).toEqual({ web: 'notify' })
  const pulls = await engine.docker(
    'events',
    '--since',
    began,
    '--until',
    String(Date.now() / 1000),
    '--filter',
    'event=pull',
    '--format',
    '{{.ID}}',
  )
  expect(pulls).not.toContain(image.replace(/:latest$/, ''))
  expect([await news(), await watchJobs(stack.name)]).toMatchObject([{ length: told }, []])

  stack.rewrite(file('x-deployer: { watch: updat }\n'))
  expect((await check()).steps[0].tail).toContain('nothing is watched: watch of x-deployer must be off, notify or update')
  expect(await states(stack.name)).toEqual({ web: 'unknown' })

  await watching.redis.hset(`deployer:skips:${host}`, `${stack.name}/web`, await registryDigest(image))
  stack.rewrite(file('x-deployer: { watch: update }\n'))
  await check()
  expect(await states(stack.name)).toEqual({ web: 'skipped' })
  await watching.redis.del(`deployer:skips:${host}`)
  // Written by a release that is not this one.
  await watching.redis.hset(`deployer:holds:${host}`, stack.name, 'no JSON')
  await check()
  expect(await states(stack.name)).toEqual({ web: 'held' })
  const hold = { reason: 'a test', until: null, by: 'me', since: new Date().toISOString() }
  await watching.redis.hset(`deployer:holds:${host}`, stack.name, JSON.stringify(hold))
  await check()
  expect(await states(stack.name)).toEqual({ web: 'held' })
  await watching.redis.del(`deployer:holds:${host}`)
  expect((await check()).steps[0].tail).toContain('(pending)')
  expect(await ended(stack.name, 1)).toMatchObject({ ok: true, by: 'watch' })
  await untilPage(stack, 'v2')
})

it('what a check on request has found of a stack that is not watched is known after its next job too, until that has deployed it', async () => {
  const image = `${registry}/found:latest`
  await publishImage(engine, image, 'v1')
  const file = (port: number) => `services:\n  web: { image: "${image}", init: true, ports: ["127.0.0.1:${port}:8080"] }\n`
  const stack = await startStack(world, client, 'found', file)
  await publishImage(engine, image, 'v2')
  const id = await watching.check(stack.name)
  await client.plain('GET', `/jobs/${id}?wait=true`, id)
  const found = await watching.updates(stack.name)
  expect(found).toMatchObject([{ service: 'web', available: await registryDigest(image), state: 'notify' }])

  await client.timed('PUT', `/stacks/${stack.name}/hold`, { reason: 'a test' })
  expect(await deployAndWait(client, stack.name)).toMatchObject({ status: 409, body: { code: 'held' } })
  // Begins when all that follows the one before has been done.
  expect(await client.timed('POST', `/stacks/${stack.name}/plan?wait=true`)).toMatchObject({ status: 200 })
  expect(await watching.updates(stack.name)).toEqual(found)
  await client.timed('DELETE', `/stacks/${stack.name}/hold`, { nonce: 'the second' })
  expect(await deployAndWait(client, stack.name)).toMatchObject({ status: 200 })
  await until('nothing left', async () => (await watching.updates(stack.name)).length === 0)
})
