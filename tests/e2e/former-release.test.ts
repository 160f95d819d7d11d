import { afterAll, describe, expect, it } from 'vitest'
import { checkOutFormerRelease } from '../../lab/former-release.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startService, type Service } from '../../lab/service.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useRedis, useWorld } from '../support.ts'

const former = await checkOutFormerRelease()
const services: Service[] = []
const world = useWorld()
const redis = await useRedis()
const settings = { ...world.settings, REDIS_URL: redis.url }
afterAll(async () => {
  await Promise.all(services.map((service) => service.stop()))
  former?.remove()
})

async function start(role: 'api' | 'worker', release: 'former' | 'this'): Promise<Service> {
  const service = await startService(role, settings, undefined, release === 'former' ? former?.folder : undefined)
  services.push(service)
  return service
}

describe.runIf(former)('an update, with jobs in flight', () => {
  it('may begin with the API or with the worker, and may be taken back', async () => {
    const image = `${registry}/former:latest`
    await publishImage(engine, image, 'v0')
    const stack = await world.addStack('former', webFile(image))
    await stack.compose('up', '-d')
    const apis = { former: await start('api', 'former'), this: await start('api', 'this') }
    let worker = await start('worker', 'former')
    const post = (of: 'former' | 'this') =>
      until('a 202', async () => {
        const { status, body } = await apis[of].client.plain('POST', `/deploy/${stack.name}`, stack.name)
        return status === 202 ? (body.job_id as string) : null
      })
    let version = 0
    for (const [accepts, runs] of [
      ['this', 'former'],
      ['former', 'this'],
      ['this', 'former'],
      ['this', 'this'],
    ] as const) {
      // Accepted while the worker is away, and done by one of the other release.
      await worker.stop()
      await publishImage(engine, image, `v${++version}`)
      const waiting = await post(accepts)
      const doomed = await apis.this.client.timed('DELETE', `/jobs/${waiting}`)
      expect(doomed.body.state).toBe('canceled')
      const id = await post(accepts)
      worker = await start('worker', runs)
      for (const { client } of Object.values(apis)) {
        const read = async (job: string) => (await client.plain('GET', `/jobs/${job}`, job)).body
        await until('its end', async () => (await read(id)).ok !== null)
        expect(await read(id), `${accepts}, ${runs}`).toMatchObject({ ok: true })
        expect(await read(waiting)).toMatchObject({ state: 'canceled', ok: false })
        expect((await client.plain('GET', `/jobs?stack=${stack.name}`, 'jobs')).body.jobs[0].job_id).toBe(id)
        expect((await client.plain('GET', '/stacks', 'stacks')).body.stacks).toMatchObject([{ stack: stack.name, online: true }])
      }
      // Told by the worker of this release alone, and read without it.
      expect((await apis.this.client.plain('GET', '/stacks', 'stacks')).body.stacks).toMatchObject([{ drifted: [] }])
      await untilPage(stack, `v${version}`)
    }
  })
})
