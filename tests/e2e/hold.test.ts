import { afterAll, describe, expect, it } from 'vitest'
import { holdRegistry } from '../../lab/held-registry.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const way = await holdRegistry(registry)
afterAll(() => way.stop())
const image = `${registry}/held:latest`
await publishImage(engine, image, 'v1')
// It ignores TERM: to replace it takes seconds, in which a worker can be killed.
const stack = await world.addStack('held', (port) => webFile(image)(port).replace('    init: true\n', '    stop_grace_period: 2s\n'))
await stack.compose('up', '-d')
const start = () => world.start('worker', { REDIS_URL: redis.url })
let worker = await start()
const { client } = await world.start('api', { REDIS_URL: redis.url })
const running = async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks[0]?.running
await until('the stack', running)

const path = `/deploy/${stack.name}`
const deploy = async (query = '?wait=true') => client.plain('POST', path + query, stack.name)
const hold = (body: Record<string, string> = { reason: 'the disk is being replaced' }) =>
  client.timed('PUT', `/stacks/${stack.name}/hold`, body)
const release = () => client.timed('DELETE', `/stacks/${stack.name}/hold`)
const ended = (id: string) =>
  until('the end', async () => {
    const { body } = await client.plain('GET', `/jobs/${id}`, id)
    return body.ok !== null && body
  })

describe('a stack that is held', () => {
  it('is not deployed nor rolled back by anybody, and nothing of it is touched; who waits is told why', async () => {
    expect((await deploy()).body).toMatchObject({ ok: true })
    const before = await stack.containers()
    await publishImage(engine, image, 'v2')
    expect((await hold()).status).toBe(200)
    const refused = await deploy()
    expect([refused.status, refused.body.code, refused.body.state, refused.body.steps]).toEqual([409, 'held', 'failed', []])
    for (const told of ['the disk is being replaced', '"default"', `deployer release-hold ${stack.name}`])
      expect(refused.body.detail).toContain(told)
    const back = await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`)
    expect([back.status, back.body.code]).toEqual([409, 'held'])
    expect([await stack.containers(), await stack.page()]).toEqual([before, 'v1'])
  })

  it('is planned for all the same, with the refusal that a deploy would meet', async () => {
    const { status, body } = await client.timed('POST', `/stacks/${stack.name}/plan?wait=true`)
    expect([status, body.ok, body.refusal.code]).toEqual([200, true, 'held'])
    expect(body.plan).toMatchObject([{ service: 'web', action: 'recreate', why: 'image' }])
    // A deploy looks for a hold before anything else.
    await stack.compose('stop', '-t', '0')
    const stopped = await client.timed('POST', `/stacks/${stack.name}/plan?wait=true`)
    await stack.compose('start')
    expect([stopped.body.plan, stopped.body.refusal.code]).toEqual([null, 'held'])
  })

  it('is deployed again once it is released, or the time of the hold is over', async () => {
    await release()
    expect((await deploy()).body).toMatchObject({ ok: true })
    await untilPage(stack, 'v2')
    expect((await hold({ reason: 'for a second', until: new Date(Date.now() + 2000).toISOString() })).status).toBe(200)
    expect((await deploy()).body.code).toBe('held')
    await until('the end of the hold', async () => (await deploy()).body.ok)
  })
})

describe('a hold', () => {
  it('that comes while images are pulled keeps what they are for, and what waits behind it', async () => {
    stack.rewrite((port) => webFile(`${way.address}/held:latest`)(port).replace('    init: true\n', '    stop_grace_period: 2s\n'))
    const before = await stack.containers()
    way.hold()
    const [first, second] = [
      (await deploy('')).body.job_id,
      await until('one behind it', async () => {
        const { body } = await deploy('')
        return !body.coalesced && body.job_id
      }),
    ]
    await until('the pull to hang', () => way.waiting() > 0)
    await hold()
    way.letGo()
    expect(await ended(first)).toMatchObject({ state: 'failed', code: 'held' })
    expect(await ended(second)).toMatchObject({ state: 'failed', code: 'held', steps: [] })
    expect(await stack.containers()).toEqual(before)
    await release()
  })

  it('does not keep what has begun from being ended, by another worker too', async () => {
    const { job_id: id } = (await deploy('')).body
    await until('compose to recreate', async () => (await stack.containers()).length === 2)
    await worker.stop('SIGKILL')
    await hold()
    worker = await start()
    expect(await ended(id)).toMatchObject({ state: 'succeeded', code: null })
    expect((await deploy()).body.code).toBe('held')
    await release()
  })
})
