import { afterAll, expect, it } from 'vitest'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { startReceiver } from '../../lab/receiver.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startStack } from '../../lab/start-stack.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const receiver = await startReceiver()
afterAll(() => receiver.stop())

it('a deploy says which version came, a bad one what it said at its end, and the next good one that all is well', async () => {
  const image = `${registry}/told:latest`
  await publishImage(engine, image, '1.0')
  const settings = {
    NOTIFY_URLS: `json://${receiver.address}/`,
    NOTIFY_ON: 'succeeded,rolled_back,recovered',
    PUBLIC_URL: 'https://deploy.example.com',
  }
  const { client } = await world.start('all', settings)
  const stack = await startStack(world, client, 'told', webFile(image))
  for (const [version, behavior] of [['1.1'], ['1.2', 'crash'], ['1.3']] as const) {
    await publishImage(engine, image, version, behavior)
    const { body } = await deployAndWait(client, stack.name)
    if (behavior === undefined) {
      expect(body.changes).toMatchObject([
        { service: 'web', from_version: version === '1.1' ? '1.0' : '1.1', to_version: version, source: 'https://git.example.com/sample' },
      ])
    }
  }
  await until('the messages', () => receiver.received.length === 3)
  const told = receiver.received
    .map(({ body }) => JSON.parse(body) as Record<string, any>)
    .toSorted((a, b) => String(a['timestamp']).localeCompare(String(b['timestamp'])))
  expect(told.map(({ type }) => type)).toEqual(['succeeded', 'rolled_back', 'recovered'])
  expect(told[0]?.['message']).toMatch(/web: \S+ 1\.0 \([0-9a-f]{12}\) → 1\.1 \([0-9a-f]{12}\) – https:\/\/git\.example\.com\/sample/)
  expect(told[1]?.['message']).toMatch(
    /^Taken back: web: \S+ 1\.1 \([0-9a-f]{12}\) → 1\.2 \([0-9a-f]{12}\) – https:\/\/git\.example\.com\/sample$/m,
  )
  expect(told[1]?.['message']).toContain('this version cannot start')
  expect(told[1]?.['data'].job).toMatchObject({ changes: [], taken_back: [{ service: 'web', from_version: '1.1', to_version: '1.2' }] })
  for (const { link, data } of told) expect(link).toBe(`https://deploy.example.com/ui/jobs/${data.job.job_id}`)
})

it('a new image is told of with the version that runs, and where to read what is new', async () => {
  const image = `${registry}/newer:latest`
  await publishImage(engine, image, '2.0')
  const mine = await startReceiver()
  const own = { WORKER_NAME: 'newer', DATA_DIR: `${world.root}/.newer`, WATCH: 'notify', NOTIFY_URLS: `json://${mine.address}/` }
  const { client } = await world.start('all', own)
  const stack = await startStack(world, client, 'newer', webFile(image))
  await publishImage(engine, image, '2.1')
  await client.timed('POST', `/stacks/${stack.name}/check?wait=true`)
  const body = await until('the message', () => mine.received[0]?.body)
  await mine.stop()
  expect(JSON.parse(body)).toMatchObject({
    type: 'update_available',
    message: expect.stringMatching(
      /web: \S+ 2\.0 \([0-9a-f]{12}\) → [0-9a-f]{12}: is not deployed by itself – https:\/\/git\.example\.com\/sample$/m,
    ),
  })
})
