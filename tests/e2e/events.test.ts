import { describe, expect, it } from 'vitest'
import { readEvents } from '../../lab/read-events.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const image = `${registry}/events:latest`
const { client } = await world.start('all')

const events = (id: string, headers?: Record<string, string>, most?: number) => readEvents(client, world.secret, id, headers, most)

describe('the events of a job', () => {
  it('come live to any number of readers, and go on where a reader left off', async () => {
    await publishImage(engine, image, 'v1')
    const stack = await world.addStack('events', webFile(image))
    await stack.compose('up', '-d')
    await publishImage(engine, image, 'v2')
    const { job_id: id } = await until('a 202', async () => {
      const answer = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
      return answer.status === 202 ? answer.body : null
    })
    const [first, second, broken] = await Promise.all([events(id), events(id), events(id, {}, 6)])
    // All but the state at the time of the connection.
    expect(first.slice(1)).toEqual(second.slice(1))
    const list = first
    expect(list[0]).toMatchObject({ event: 'state' })
    expect(list.at(-1)).toMatchObject({ event: 'done', data: { job_id: id, state: 'succeeded', ok: true } })
    const steps = list.filter(({ event, data }) => event === 'step' && data.state === 'ended').map(({ data }) => data.name)
    expect(steps).toEqual(['status', 'config', 'pull', 'up', 'verify'])
    expect(list.some(({ event, data }) => event === 'log' && data.step === 'up' && /Recreate/.test(data.line))).toBe(true)

    const seen = broken
    const rest = await events(id, { 'Last-Event-ID': seen.at(-1)?.id ?? '' })
    expect([...seen, ...rest].slice(1)).toEqual(list.slice(1))
    expect((await client.raw('GET', `/jobs/${id}/events`)).status).toBe(401)
  })
})
