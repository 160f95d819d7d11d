import { Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import type { RunReport } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import { OUTBOX_KEY, type OutboxEntry } from '@deployer/shared/outbox'
import { startMailServer } from '../../lab/mail-server.ts'
import { startReceiver, type Receiver } from '../../lab/receiver.ts'
import type { Service } from '../../lab/service.ts'
import { until } from '../../lab/until.ts'
import { writeRun } from '../../lab/write-run.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const connection = new Redis(redis.url)
connection.on('error', () => undefined)
const receivers: Receiver[] = []
afterAll(async () => {
  connection.disconnect()
  await Promise.all(receivers.map((receiver) => receiver.stop()))
})
const ALL = 'failed,rolled_back,rollback_failed,recovered,updated,update_available,succeeded,started,held'

async function receiver(...args: Parameters<typeof startReceiver>): Promise<Receiver> {
  const started = await startReceiver(...args)
  receivers.push(started)
  return started
}

const run = (data: Partial<JobData>, end: Partial<RunReport>) => writeRun(connection, data, end)
const failure = (message: string, more: Partial<RunReport> = {}): Partial<RunReport> => ({
  state: 'failed',
  code: 'step_failed',
  message,
  ...more,
})
const write = (entry: OutboxEntry) => connection.xadd(OUTBOX_KEY, '*', 'entry', JSON.stringify(entry))
const told = ({ received }: Receiver) => received.map(({ body }) => JSON.parse(body) as Record<string, any>)
const typesOf = (from: Receiver, stack: string) => told(from).flatMap(({ type, data }) => (data.job?.stack === stack ? [type] : []))
/** Stops an API, so that the next test's is the only one that takes what happens. */
const useApi = async (settings: Record<string, string>, work: (api: Service) => Promise<void>) => {
  const api = await world.start('api', { REDIS_URL: redis.url, ...settings })
  try {
    await work(api)
  } finally {
    await api.stop()
  }
}

describe('what happens', () => {
  it('is told once, as what it is, and an unchanged failure not again', async () => {
    const hook = await receiver()
    await useApi({ NOTIFY_URLS: `json://${hook.address}/`, NOTIFY_ON: ALL }, async () => {
      const change = { service: 'web', image: 'app', why: 'image', from: null, to: 'sha256:1', from_digest: null, to_digest: null } as const
      const changes = [{ ...change, from_version: null, to_version: '1.0', source: null }]
      await run({}, { changes })
      await run({ source: 'watch' }, { changes })
      await run({}, failure('web ended after 3 s.', { rolled_back: true }))
      await run({}, failure('web ended after 17 s.', { rolled_back: true }))
      await run({}, failure('db ended.', { rolled_back: true }))
      await run({}, failure('The rollback failed too.', { code: 'rollback_failed' }))
      await run({}, failure('another path', { code: 'path_mismatch' }))
      await run({}, { state: 'canceled', code: 'canceled' })
      await run({ action: 'plan' }, {})
      await run({ action: 'check' }, failure('no answer'))
      await run({}, {})
      await run({}, failure('held: holiday', { code: 'held' }))
      await run({}, {})
      await run({ stack: 'last' }, {})
      await until('the last', () => typesOf(hook, 'last').length === 2)
      const expected = [
        'succeeded',
        'updated',
        'rolled_back',
        'rolled_back',
        'rollback_failed',
        'failed',
        'failed',
        'recovered',
        'held',
        'succeeded',
      ]
      const types = typesOf(hook, 'media')
      const sorted = (list: string[]) => list.toSorted((a, b) => a.localeCompare(b))
      expect(sorted(types.filter((type) => type !== 'started'))).toEqual(sorted(expected))
      // Of deploys and rollbacks alone; each has begun once.
      expect(types.filter((type) => type === 'started')).toHaveLength(11)
      const ids = hook.received.map(({ headers }) => headers['webhook-id'])
      expect(new Set(ids).size).toBe(ids.length)
      expect(await connection.xlen(OUTBOX_KEY)).toBe(0)
    })
  })

  it('is told of a check in one message, each digest once; rounds are pinged', async () => {
    const hook = await receiver()
    const pinged = await receiver()
    const pings = () => pinged.received.map(({ path }) => path)
    const settings = {
      NOTIFY_URLS: `json://${hook.address}/`,
      PING_URL: `http://${pinged.address}/ping/uuid-of-check?rid=1`,
      PUBLIC_URL: 'https://deploy.example.com/',
    }
    await useApi(settings, async () => {
      const now = new Date().toISOString()
      const update = (service: string, available: string) => {
        return {
          stack: 'media',
          service,
          image: 'app',
          running: 'sha256:0',
          available,
          first_seen: now,
          eligible_at: null,
          state: 'notify',
        } as const
      }
      const round = { kind: 'round', at: now, host: 'nas' } as const
      await write({ ...round, phase: 'start', problem: null })
      await write({ kind: 'updates', at: now, host: 'nas', updates: [update('web', 'sha256:1'), update('db', 'sha256:1')] })
      await write({ ...round, phase: 'end', problem: null })
      await write({ kind: 'updates', at: now, host: 'nas', updates: [update('web', 'sha256:1')] })
      await write({ kind: 'updates', at: now, host: 'nas', updates: [update('web', 'sha256:2'), update('db', 'sha256:1')] })
      await write({ ...round, phase: 'start', problem: null })
      await write({ ...round, phase: 'end', problem: 'no registry answered' })
      await until('both messages', () => hook.received.length === 2)
      await until('the pings', () => pings().length === 4)
      expect(told(hook).map(({ type, data, link }) => [type, data.updates.length, link])).toEqual([
        ['update_available', 2, 'https://deploy.example.com/ui'],
        ['update_available', 1, 'https://deploy.example.com/ui'],
      ])
      const path = '/ping/uuid-of-check'
      expect(pings()).toEqual([`${path}/start?rid=1`, `${path}?rid=1`, `${path}/start?rid=1`, `${path}/fail?rid=1`])
      expect(pinged.received[3]?.body).toContain('no registry answered')
    })
  })

  it('is told to each channel, whatever becomes of the others; nothing of a URL is told anywhere', async () => {
    const token = 't0ken-that-nobody-may-see'
    const good = await receiver()
    const tries: Record<string, number> = {}
    const bad = await receiver((response, { path }) => {
      tries[path] = (tries[path] ?? 0) + 1
      if (path.startsWith('/late') && tries[path] > 1) response.writeHead(200).end()
      else if (path.startsWith('/limited') && tries[path] > 1) response.writeHead(200).end()
      else if (path.startsWith('/limited')) response.writeHead(429, { 'Retry-After': '1' }).end()
      else response.writeHead(path.startsWith('/late') ? 503 : 400).end(`no: ${path} ${token}`)
    })
    const urls = [
      `json://${bad.address}/wrong/${token}`,
      `json://${bad.address}/late/${token}?secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`,
      `json://${bad.address}/limited/${token}`,
      `json://user:${token}@127.0.0.1:1/`,
      `json://${good.address}/`,
    ]
    await useApi({ NOTIFY_URLS: urls.join('\n'), LOG_LEVEL: 'trace' }, async (api) => {
      const id = await run({ stack: 'secrets' }, failure('no'))
      await until('the good one', () => good.received.length === 1)
      await until('the later tries', () => tries[`/late/${token}`] === 2 && tries[`/limited/${token}`] === 2)
      // The same message, and not another one.
      const ids = bad.received.map(({ headers }) => headers['webhook-id'])
      expect(new Set(ids)).toEqual(new Set([`${id}-end`]))
      expect(tries[`/wrong/${token}`]).toBe(1)
      const { body, text } = await api.client.timed('POST', '/notify/test')
      expect(body).toMatchObject({
        ok: false,
        channels: [{ channel: 'json', position: 1, ok: false, status: 400 }, {}, { ok: true }, { status: null }, { ok: true, status: 204 }],
      })
      const failed = await until('the failures in the log', () => {
        const lines = api.logLines().filter(({ event }) => event === 'notify_failed')
        return lines.length >= 4 ? lines : null
      })
      expect(failed.map(({ delivery }) => delivery)).toContain(`${id}-end.1-json`)
      const kept = await Promise.all(
        (await connection.keys('deployer:@notify:*')).map(async (key) => [key, await connection.hgetall(key).catch(() => null)]),
      )
      expect(kept.length).toBeGreaterThan(3)
      for (const said of [text, api.output(), JSON.stringify(kept)])
        for (const secret of [token, 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']) expect(said).not.toContain(secret)
    })
  })
})

it('goes on when Redis has lost everything, and when it was away', async () => {
  const hook = await receiver()
  await useApi({ NOTIFY_URLS: `json://${hook.address}/` }, async () => {
    for (const [stack, fault] of [
      ['lost', () => connection.flushall()],
      ['away', () => redis.stop('SIGKILL').then(() => redis.start())],
    ] as const) {
      await run({ stack: `${stack}-before` }, failure('no'))
      await until('the message before', () => typesOf(hook, `${stack}-before`).length === 1)
      await fault()
      await until('Redis', async () => (await redis.cli('ping')).trim() === 'PONG')
      await run({ stack }, failure('no'))
      await until('the message after', () => typesOf(hook, stack).length === 1)
    }
    expect(hook.received).toHaveLength(4)
  })
})

describe('mail', () => {
  it('arrives through a real server, encrypted, with a login; what the server says is told', async () => {
    const server = await startMailServer()
    const login = `${encodeURIComponent(server.user)}:${server.password}`
    const urls = [
      `smtp://${login}@localhost:${server.port}/?from=deployer@example.com&to=me@example.com,you@example.com`,
      `mailtos://${login}@localhost:${server.tlsPort}?to=me@example.com&name=The%20house`,
      `smtp://${login}@localhost:${server.port}/?from=deployer@example.com&to=nobody@example.com`,
      `smtp://${login}@localhost:${server.port}/?from=deployer@example.com&to=later@example.com`,
      `smtp://${encodeURIComponent(server.user)}:wrong-pass-word@localhost:${server.port}/?from=deployer@example.com&to=me@example.com`,
    ]
    await useApi({ NOTIFY_URLS: urls.join(' '), NODE_EXTRA_CA_CERTS: server.certificate }, async (api) => {
      const { body } = await api.client.timed('POST', '/notify/test')
      expect(body.channels).toMatchObject([
        { channel: 'smtp', ok: true, status: 250 },
        { channel: 'mailtos', ok: true, status: 250 },
        { ok: false, status: 550, answer: expect.stringContaining('no such mailbox') },
        { ok: false, status: 451, answer: expect.stringContaining('not now') },
        { ok: false, status: 535 },
      ])
      const id = await run({ stack: 'mailed' }, failure('web ended.\nSubject: another', { rolled_back: true }))
      const mails = await until('the mails', () => {
        const arrived = server.received().filter(({ headers }) => headers['subject']?.startsWith('mailed'))
        return arrived.length === 2 ? arrived : null
      })
      for (const mail of mails) {
        expect(mail).toMatchObject({ tls: true, user: server.user, from: expect.stringContaining('@') })
        expect(mail.headers).toMatchObject({ 'auto-submitted': 'auto-generated', 'message-id': `<${id}-end@deployer>` })
        expect(mail.text).toContain('web ended.')
      }
      expect(new Set(mails.map(({ to }) => to.length))).toEqual(new Set([1, 2]))
      expect(api.output()).not.toContain(server.password)
    })
    await server.stop()
  })
})
