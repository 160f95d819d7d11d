import { expect, it } from 'vitest'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { engine, registry, useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const image = `${registry}/pages:latest`
await publishImage(engine, image, 'v1')
const job = `  job:\n    image: ${image}\n    command: ["/bin/busybox", "sleep", "600"]\n`
const stack = await world.addStack('shown', webFile(image))
await stack.compose('up', '-d')
const worker = await world.start('worker', { REDIS_URL: redis.url })
const { client } = await world.start('api', { REDIS_URL: redis.url, DASHBOARD_PASSWORD: 'a-password' })
const login = { Authorization: `Basic ${Buffer.from('admin:a-password').toString('base64')}` }
const page = async (path: string) => (await client.raw('GET', path, login)).text
const own = `/ui/stacks/${world.settings['WORKER_NAME']}/${stack.name}`

it('tells how a stack is, where its definition has changed, and that its host is away and since when', async () => {
  await until('the stack to be well', async () => (await page(own)).includes('Healthy'))
  stack.rewrite(webFile(image, `    environment: { LEVEL: a-value-that-may-be-secret }\n${job}`))
  const { body } = await deployAndWait(client, stack.name)
  expect(body, JSON.stringify(body)).toMatchObject({ ok: true })
  const after = await until('the release', async () => {
    const text = await page(own)
    return text.includes('web: environment') && text
  })
  expect(after).toMatch(/job<\/bdi>\s*<strong>\+ new/)
  expect(after).not.toContain('a-value-that-may-be-secret')

  await engine.docker('kill', ...(await stack.idsOf('job')))
  await until('the stack to be degraded', async () => (await page('/ui')).includes('Not well: job'))
  await stack.compose('stop', '-t', '0')
  const down = await until('the stack to be down', async () => {
    const text = await page(own)
    return text.includes('Down') && text
  })
  expect(down).toContain('Ran last')
  expect(down).not.toMatch(/Runs now|Running/)

  await worker.stop()
  const away = await until('the host to be away', async () => {
    const text = await page('/ui')
    return text.includes('Host is away') && text
  })
  expect(away).toMatch(/Last heard of: <time datetime="\d{4}-/)
  expect((await client.plain('GET', '/hosts', 'hosts')).body.hosts[0]).toMatchObject({
    online: false,
    last_seen: expect.stringMatching(/^\d{4}-/),
  })
})
