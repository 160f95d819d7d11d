import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { command } from '../../lab/command.ts'
import { until } from '../../lab/until.ts'
import { useRedis, useWorld } from '../support.ts'

interface Vector {
  name: string
  secret: string
  method: string
  path: string
  body: string
  message: string
  hmac: string
  openssl: string
  headers: Record<string, string>
  answer: string
}

const file = join(import.meta.dirname, '../../docs/signature-vectors.json')
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] }
const world = useWorld()
const redis = await useRedis()
const { client } = await world.start('api', { REDIS_URL: redis.url, DEPLOY_SECRET: 'vectors-secret-of-the-documentation' })
await until('Redis', async () => (await client.raw('GET', '/ready')).body.missing.join() === 'worker')

describe('the test vectors of docs/signature-vectors.json', () => {
  it.each(vectors)('$name', async ({ secret, method, path, body, message, hmac, openssl, headers, answer }) => {
    expect(createHmac('sha256', secret).update(message).digest('hex')).toBe(hmac)
    expect((await command('bash', ['-c', openssl])).trim()).toBe(hmac)
    const { status, body: got } = await client.raw(method, path, headers, method === 'GET' ? undefined : body)
    // There is no stack here, so that what is let in is answered, or finds nothing.
    if (answer === 'accepted') expect(['200', '404 stack_not_found', '404 job_not_found']).toContain(`${status} ${got.code ?? ''}`.trim())
    else expect([status, got.code]).toEqual([401, answer])
  })
})
