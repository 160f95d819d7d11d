import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createClient, hmac } from '../../lab/client.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const stack = await world.addStack('streams', webFile('127.0.0.1:1/never-pulled'))
const worker = await world.start('worker', { REDIS_URL: redis.url })
const secret = 'the-secret-of-the-follower'
const file = join(world.root, '.keys.yaml')
const keysFile = (expires: Date) =>
  writeFileSync(
    file,
    `keys:
  - {id: follower, secret: ${secret}, stacks: ["*"], actions: [read]}
  - {id: brief, secret: ${secret}, stacks: ["*"], actions: [read], expires: ${expires.toISOString()}}
`,
  )
keysFile(new Date(Date.now() + 3_600_000))
const api = await world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: file })
const { client } = api
await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)
await worker.stop()
// Nobody takes this job, so that it goes on for ever.
const { body: job } = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
const path = `/jobs/${job.job_id}/events`

/** A follower; one who does not read leaves what comes in the socket. */
async function follow(signer: string, keyId?: string, reads = true): Promise<{ socket: Socket; text: () => string }> {
  const socket = connect(Number(new URL(client.url).port), '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  let text = ''
  if (reads) socket.on('data', (chunk) => (text += chunk.toString()))
  const headers = [`X-Signature: ${hmac(signer, job.job_id)}`, ...(keyId === undefined ? [] : [`X-Key-Id: ${keyId}`])]
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${headers.join('\r\n')}\r\n\r\n`)
  return { socket, text: () => text }
}
const megabytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${api.process.pid}/status`, 'utf8'))?.[1]) / 1024

describe('event streams', () => {
  it('have an end for HEAD, which reads none of them', async () => {
    const answer = await client.raw('HEAD', path, { 'X-Signature': hmac(world.secret, job.job_id) })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/event-stream')])
  })

  it('of one scoped key are counted, and those that end make room', async () => {
    const many = await Promise.all(Array.from({ length: 100 }, () => follow(secret, 'follower')))
    await until('all to be followed', () => many.every(({ text }) => text().includes('event: state')))
    const held = createClient(client.url, secret)
    const more = () => held.plain('GET', `/jobs/${job.job_id}?wait=1&timeout=1`, job.job_id, undefined, { 'X-Key-Id': 'follower' })
    const over = await client.raw('GET', path, { 'X-Signature': hmac(secret, job.job_id), 'X-Key-Id': 'follower' })
    expect([over.status, over.body.code]).toEqual([429, 'too_many_held'])
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0)
    // Neither an answer that is held nor another key is a stream of this one.
    expect((await more()).status).toBe(200)
    const owner = await follow(world.secret)
    await until('another key', () => owner.text().includes('event: state'))
    for (const { socket } of [...many, owner]) socket.destroy()
    await until('room', async () => {
      const again = await follow(secret, 'follower')
      await until('an answer', () => again.text().includes('\r\n\r\n'))
      again.socket.destroy()
      return again.text().startsWith('HTTP/1.1 200')
    })
  })

  it('that nobody reads hold no memory', async () => {
    const script = `for i = 1, 2000 do redis.call('XADD', KEYS[1], '*', 'event', 'log', 'data', cjson.encode({step = 'pull', line = string.rep('x', 32768)})) end`
    await redis.cli('eval', script, '1', `deployer:events:${job.job_id}`)
    const before = megabytes()
    const unread = await Promise.all(Array.from({ length: 200 }, () => follow(world.secret, undefined, false)))
    // As much as the kernel takes has been sent when nothing more is.
    let sent = -1
    await until('the streams to stand still', async () => {
      const now = unread.reduce((sum, { socket }) => sum + socket.bytesRead, 0) + megabytes()
      const still = now === sent
      sent = now
      await client.plain('GET', '/stacks', 'stacks')
      return still
    })
    expect(megabytes() - before).toBeLessThan(400)
    for (const { socket } of unread) socket.destroy()
    await redis.cli('del', `deployer:events:${job.job_id}`)
  })

  it('end with their key, and are told to come again when the API stops', async () => {
    const expires = new Date(Date.now() + 6000)
    keysFile(expires)
    await until('the keys', () => api.logLines().some(({ event }) => event === 'keys_loaded'))
    const brief = await follow(secret, 'brief')
    await until('it to be followed', () => brief.text().includes('event: state'))
    await until('its end', () => brief.text().endsWith('\r\n0\r\n\r\n'), 30)
    expect(Date.now()).toBeGreaterThanOrEqual(expires.getTime())

    const last = await follow(world.secret)
    await until('it to be followed', () => last.text().includes('event: state'))
    await api.stop('SIGTERM')
    await until('its end', () => last.socket.destroyed)
    // The last chunk is there: no connection was cut.
    expect(last.text().endsWith('\r\n0\r\n\r\n')).toBe(true)
  })
})
