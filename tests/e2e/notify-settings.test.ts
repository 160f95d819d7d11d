import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import { OUTBOX_KEY } from '@deployer/shared/outbox'
import { startChild } from '../../lab/child.ts'
import { createClient } from '../../lab/client.ts'
import { startReceiver } from '../../lab/receiver.ts'
import { startRedis } from '../../lab/redis.ts'
import { runDeployer } from '../../lab/run-deployer.ts'
import { serviceEnv } from '../../lab/service.ts'
import { until } from '../../lab/until.ts'
import { writeRun } from '../../lab/write-run.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const hook = await startReceiver()
const closed = await startReceiver((response) => void response.writeHead(410).end('gone'))
afterAll(async () => {
  await hook.stop()
  await closed.stop()
})

describe('POST /notify/test', () => {
  it('wants the main secret and a timestamp, and is `deployer notify --test`', async () => {
    const { client } = await world.start('api', { REDIS_URL: redis.url, NOTIFY_URLS: `json://${hook.address}/ json://${closed.address}/` })
    expect((await client.plain('POST', '/notify/test', 'test')).status).toBe(401)
    const env = { DEPLOYER_URL: client.url, DEPLOY_SECRET: world.secret }
    const text = await runDeployer(['notify', '--test'], env)
    expect(text).toMatchObject({ code: 1, stdout: '1 json: taken (204)\n2 json: not taken (410): gone\n' })
    // The same request twice in a second is a replay.
    const json = await until('another second', async () => {
      const { stdout } = await runDeployer(['notify', '--test', '--json'], env)
      return stdout.includes('replayed') ? null : stdout
    })
    expect(JSON.parse(json)).toMatchObject({ ok: false, channels: [{ ok: true }, { ok: false, answer: 'gone' }] })
    expect((await runDeployer(['notify'], env)).code).toBe(2)
    expect(hook.received.map(({ body }) => JSON.parse(body))).toMatchObject([{ type: 'test' }, { type: 'test' }])
    // As docs/notifications.md says it, by nothing of ours.
    const { headers, body } = hook.received[0]!
    const key = createHmac('sha256', world.secret).update('webhooks').digest()
    const signed = createHmac('sha256', key).update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`)
    expect(headers['webhook-signature']).toBe(`v1,${signed.digest('base64')}`)
  })

  it('says so where nobody is told; what happens then is not kept for whoever is named later', async () => {
    const other = await startRedis()
    const api = await world.start('api', { REDIS_URL: other.url })
    const env = { DEPLOYER_URL: api.client.url, DEPLOY_SECRET: world.secret }
    expect(await runDeployer(['notify', '--test'], env)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('NOTIFY_URLS is empty'),
    })
    const connection = new Redis(other.url)
    await writeRun(connection, {}, { state: 'failed', code: 'step_failed', message: 'nobody hears this' })
    await until('an empty outbox', async () => (await connection.xlen(OUTBOX_KEY)) === 0)
    connection.disconnect()
    await api.stop()
    await other.close()
  })

  it('is for the main secret alone', async () => {
    const keys = join(world.root, '.keys.yaml')
    writeFileSync(keys, 'keys: [{id: ci, secret: a-secret-of-the-ci, stacks: ["*"], actions: [deploy, read, cancel, rollback]}]\n')
    const { client } = await world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: keys })
    const { status, body } = await createClient(client.url, 'a-secret-of-the-ci').timed('POST', '/notify/test', undefined, {
      'X-Key-Id': 'ci',
    })
    expect([status, body.code]).toEqual([403, 'forbidden'])
  })
})

it.each([
  ['a URL of no service', { NOTIFY_URLS: 'ntfy://fine pushover://s3cr3t-token' }, 'URL 2 of 2'],
  ['a URL without its token', { NOTIFY_URLS: 'discord://s3cr3t-token' }, 'URL 1 of 1 (discord://…)'],
  ['an event that there is not', { NOTIFY_ON: 'failed,everything' }, 'NOTIFY_ON'],
  ['a time that is none', { NOTIFY_REPEAT: 'daily' }, 'NOTIFY_REPEAT'],
  ['a ping to nowhere', { PING_URL: 's3cr3t-token' }, 'PING_URL'],
])('%s stops the start', async (_, settings, said) => {
  const launcher = new URL('../../launcher/main.ts', import.meta.url).pathname
  const env = serviceEnv({ ...world.settings, REDIS_URL: redis.url, PORT: '0', ...settings })
  const child = startChild(process.execPath, [launcher, 'api'], env)
  const [code] = await once(child.process, 'exit')
  expect(code).toBe(78)
  expect(child.output()).toContain(said)
  expect(child.output()).not.toContain('s3cr3t-token')
})
