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
const scoped = (id: string, more = '') => `  - {id: ${id}, secret: ${secret}, stacks: ["*"], actions: [read]${more}}\n`
/** Writes the keys file; the API has read it when it says so once more. */
const keysFile = (...keys: string[]) => writeFileSync(file, `keys:\n${keys.join('')}`)
keysFile(scoped('follower'), scoped('guest'))
const api = await world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: file })
const { client } = api
await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)
await worker.stop()
// Nobody takes this job, so that it goes on for ever.
const { body: job } = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
const path = `/jobs/${job.job_id}/events`

const keysRead = () => api.logLines().filter(({ event }) => event === 'keys_loaded').length

/** Somebody who follows the job; one who does not read leaves what comes in the socket. */
async function follow(signer: string, keyId?: string, reads = true, target = path): Promise<{ socket: Socket; text: () => string }> {
  const socket = connect(Number(new URL(client.url).port), '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  let text = ''
  if (reads) socket.on('data', (chunk) => (text += chunk.toString()))
  const headers = [`X-Signature: ${hmac(signer, job.job_id)}`, ...(keyId === undefined ? [] : [`X-Key-Id: ${keyId}`])]
  socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n${headers.join('\r\n')}\r\n\r\n`)
  return { socket, text: () => text }
}
/** Many of them, so few at a time that none is let go as one who has not proven who he is. */
async function followMany(count: number, ...how: Parameters<typeof follow>): Promise<Awaited<ReturnType<typeof follow>>[]> {
  const many: Awaited<ReturnType<typeof follow>>[] = []
  while (many.length < count) {
    many.push(...(await Promise.all(Array.from({ length: 100 }, () => follow(...how)))))
    await client.plain('GET', '/stacks', 'stacks')
  }
  return many
}
/** How often Redis was asked something since the last `untilQuiet`. */
const calls = async (asked: string) =>
  Number(new RegExp(`cmdstat_${asked}:calls=(\\d+)`).exec(await redis.cli('info', 'commandstats'))?.[1] ?? 0)
/** Waits until all who follow or wait are held, and counts from there. */
async function untilQuiet(): Promise<void> {
  await until('those who wait to be held', async () => {
    await redis.cli('config', 'resetstat')
    await client.plain('GET', '/stacks', 'stacks')
    return (await calls('hgetall')) < 20
  })
  await redis.cli('config', 'resetstat')
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
    expect(megabytes() - before).toBeLessThan(100)
    for (const { socket } of unread) socket.destroy()
    await redis.cli('del', `deployer:events:${job.job_id}`)
  })

  it('of one job share one reading of Redis, and so do those who wait for it', async () => {
    const waits = `/jobs/${job.job_id}?wait=1&timeout=120`
    const many = await followMany(1000, world.secret)
    const waiters = await followMany(500, world.secret, undefined, true, waits)
    await until('all to be followed', () => many.every(({ text }) => text().includes('event: state')))
    await untilQuiet()
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index} of those that all of them get`)
    for (const line of lines) {
      const data = JSON.stringify({ step: 'pull', line })
      await redis.cli('xadd', `deployer:events:${job.job_id}`, '*', 'event', 'log', 'data', data)
      await redis.cli('publish', 'deployer:job-news', `${job.job_id} stream`)
    }
    await until('the last line', () => many.every(({ text }) => text().includes(lines.at(-1) ?? '')))
    const [readings, looks] = [await calls('xrange'), await calls('hgetall')]
    // Each look is one of the stream and three of the job; beside them there is the inventory's.
    expect(readings).toBeGreaterThan(0)
    expect(readings).toBeLessThan(100)
    expect(looks).toBeLessThan(400)
    const ids = many.map(({ text }) => [...text().matchAll(/^id: (\S+)$/gm)].map(([, id]) => id))
    expect(ids.every((list) => list.length === lines.length && new Set(list).size === lines.length)).toBe(true)
    for (const { socket } of [...many, ...waiters]) socket.destroy()
  })

  it('and held answers end when their key is taken out of the keys file, and others go on', async () => {
    const before = keysRead()
    const waits = `/jobs/${job.job_id}?wait=1&timeout=120`
    const [gone, other] = await Promise.all([follow(secret, 'guest'), follow(secret, 'follower')])
    const waiting = await followMany(300, secret, 'guest', true, waits)
    await until('them to be followed', () => [gone, other].every(({ text }) => text().includes('event: state')))
    await untilQuiet()
    keysFile(scoped('follower'), scoped('late'))
    await until('the keys', () => keysRead() > before)
    await until('the end of the stream', () => gone.text().endsWith('\r\n0\r\n\r\n'))
    await until('the answers', () => waiting.every(({ text }) => text().includes('"state":"queued"')))
    // One look for all of them.
    expect(await calls('hgetall')).toBeLessThan(100)
    for (const { socket } of waiting) socket.destroy()
    expect([other.socket.destroyed, other.text().includes('\r\n0\r\n')]).toEqual([false, false])
    other.socket.destroy()
  })

  it('and answers that wait are counted by kind: one too many is 429, and nothing is queued', async () => {
    const waits = `/jobs/${job.job_id}?wait=1&timeout=120`
    const many = await followMany(2000, secret, 'follower', true, waits)
    const ask = (method: string, target: string, subject: string) =>
      client.raw(method, target, { 'X-Signature': hmac(secret, subject), 'X-Key-Id': 'follower' })
    const brief = `/jobs/${job.job_id}?wait=1&timeout=0`
    const over = await until('the count', async () => {
      const answer = await ask('GET', brief, job.job_id)
      if (answer.status === 429) return answer
      // On a busy machine some of them may not have come through.
      many.push(await follow(secret, 'follower', true, waits))
      return null
    })
    expect(many.length).toBeLessThan(2200)
    expect(over.body.code).toBe('too_many_held')
    expect((await ask('GET', `/jobs/${job.job_id}`, job.job_id)).status).toBe(200)
    const planned = await createClient(client.url, secret).timed('POST', `/stacks/${stack.name}/plan?wait=1`, undefined, {
      'X-Key-Id': 'follower',
    })
    expect([planned.status, planned.body.code]).toEqual([429, 'too_many_held'])
    expect((await client.plain('GET', '/jobs', 'jobs')).body.jobs).toHaveLength(1)
    for (const { socket } of many) socket.destroy()
    await until('room', async () => (await ask('GET', brief, job.job_id)).status === 200)
  })

  it('end with their key, and are told to come again when the API stops', async () => {
    const quiet = await follow(world.secret)
    const expires = new Date(Date.now() + 6000)
    const before = keysRead()
    keysFile(scoped('brief', `, expires: ${expires.toISOString()}`))
    await until('the keys', () => keysRead() > before)
    const brief = await follow(secret, 'brief')
    await until('it to be followed', () => brief.text().includes('event: state'))
    await until('its end', () => brief.text().endsWith('\r\n0\r\n\r\n'), 30)
    expect(Date.now()).toBeGreaterThanOrEqual(expires.getTime())

    // Proxies let go what is silent for long.
    await until('a heartbeat', () => quiet.text().includes('\n: still here\n\n'), 15)
    quiet.socket.destroy()

    const unread = await follow(world.secret, undefined, false)
    const last = await follow(world.secret)
    await until('it to be followed', () => last.text().includes('event: state'))
    await api.stop('SIGTERM')
    await until('its end', () => last.socket.destroyed)
    // The last chunk is there: no connection was cut.
    expect(last.text().endsWith('\r\n0\r\n\r\n')).toBe(true)
    expect(api.process.exitCode).toBe(0)
    unread.socket.destroy()
  })
})
