import { afterAll, describe, expect, it } from 'vitest'
import { debianMirror } from '../../lab/debian-mirror.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { otherRedis } from '../../lab/other-redis.ts'
import { readEvents } from '../../lab/read-events.ts'
import { startRedis, type LabRedis } from '../../lab/redis.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
/** They come as packages of Debian's, and are unpacked. */
const canBring = process.getuid?.() === 0 && (await debianMirror()) !== null
async function useOther(name: Parameters<typeof otherRedis>[0]): Promise<LabRedis> {
  const redis = await startRedis(await otherRedis(name))
  afterAll(() => redis.close())
  return redis
}
const image = `${registry}/kinds:latest`

describe.runIf(canBring)('Redis before 7.0', async () => {
  const old = canBring ? await useOther('redis-6') : null
  it.each(['api', 'worker', 'all'] as const)('is refused at the start of the role %s, by name', async (role) => {
    await expect(world.start(role, { REDIS_URL: old?.url ?? '' })).rejects.toThrow(/ended with 78: .*Redis 6\.0\.16.*Redis 7\.0 or newer/s)
  })
})

describe.runIf(canBring)('Valkey 8', async () => {
  const valkey = canBring ? await useOther('valkey-8') : null
  it('does all that Redis does: deploys, keeps, tells, cancels, and comes back with what it had', async () => {
    await publishImage(engine, image, 'v1')
    const stack = await world.addStack('valkey', webFile(image))
    await stack.compose('up', '-d')
    const settings = { REDIS_URL: valkey?.url ?? '' }
    const { client } = await world.start('api', settings)
    const worker = await world.start('worker', settings)
    await publishImage(engine, image, 'v2')
    const { body } = await deployAndWait(client, stack.name)
    expect(body).toMatchObject({ ok: true, rolled_back: false })
    await untilPage(stack, 'v2')
    const events = await readEvents(client, world.secret, body.job_id)
    expect(events.at(-1)).toMatchObject({ event: 'done', data: { state: 'succeeded' } })
    expect(events.some(({ event }) => event === 'log')).toBe(true)

    await worker.stop()
    const first = (await client.plain('POST', `/deploy/${stack.name}`, stack.name)).body
    expect((await client.plain('POST', `/deploy/${stack.name}`, stack.name)).body).toMatchObject({ job_id: first.job_id, coalesced: true })
    const canceled = await client.timed('DELETE', `/jobs/${first.job_id}`)
    expect(canceled).toMatchObject({ status: 200, body: { state: 'canceled' } })
    const waiting = (await client.plain('POST', `/deploy/${stack.name}`, stack.name)).body
    await valkey?.stop('SIGKILL')
    await valkey?.start()
    await world.start('worker', settings)
    const read = async (id: string) => (await client.plain('GET', `/jobs/${id}`, id)).body
    await until('the job that waited to be done', async () => (await read(waiting.job_id)).ok)
    expect(await read(body.job_id)).toMatchObject({ ok: true })
  })
})
