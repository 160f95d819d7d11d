import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Job } from '@deployer/shared/job'
import { queuedJob } from '@deployer/shared/queued-job'
import { keyFrom } from './channels/json.ts'
import { jobMessage, testMessage, updatesMessage } from './compose-message.ts'
import { createChannels } from './create-channels.ts'
import type { Message } from './message.ts'
import { startStandIns } from './stand-ins.ts'

const standIns = await startStandIns()
const at = standIns.address
afterAll(() => standIns.close())
beforeEach(() => void standIns.received.splice(0))
afterEach(() => void (standIns.answer = null))

const id = '0199a8f0-0000-7000-8000-000000000001'
const now = '2026-01-01T12:00:00.000Z'
/** Everything that a mark of some service could be. */
const nasty = '@everyone <!channel> <b>&amp; _x_ *y* `z` ~~q~~ [a](http://b) ``` </pre> # > | \\ ||s||'
const failed: Job = {
  ...queuedJob(id, { stack: 'media', host: 'nas', action: 'deploy', source: 'watch', caller: 'watch' }, false),
  state: 'failed',
  ok: false,
  code: 'step_failed',
  message: `verify failed: web ended. ${nasty}`,
  rolled_back: true,
  release: 11,
  steps: [{ name: 'verify', ok: false, exit_code: null, duration_ms: 1, tail: `${nasty}\n`.repeat(90) }],
  changes: [
    {
      service: 'web',
      image: 'registry.example.com/my_app:latest',
      why: 'image',
      from: `sha256:${'a'.repeat(64)}`,
      to: `sha256:${'b'.repeat(64)}`,
      from_digest: `sha256:${'1'.repeat(64)}`,
      to_digest: `sha256:${'2'.repeat(64)}`,
      from_version: '1.2.3',
      to_version: '1.3.0',
      source: 'https://git.example.com/my_app',
    },
  ],
  started_at: now,
  finished_at: now,
}
const long: Job = { ...failed, message: `${nasty} é😀`.repeat(400), changes: Array.from({ length: 200 }, () => failed.changes[0]!) }
const update = {
  stack: 'media',
  service: 'web',
  image: 'app',
  running: null,
  available: null,
  first_seen: null,
  eligible_at: null,
  state: 'notify',
} as const
const messages: [string, Message][] = [
  ['a failure', jobMessage('rolled_back', failed, now, false, 'https://deploy.example.com')],
  ['a very long one', jobMessage('rolled_back', long, now, false, 'https://deploy.example.com')],
  ['one without a page', jobMessage('failed', failed, now, false)],
  ['a success', jobMessage('updated', { ...failed, state: 'succeeded', message: null, steps: [] }, now, false)],
  ['updates', updatesMessage('1-0', { kind: 'updates', at: now, host: 'nas', updates: [update] }, 'https://deploy.example.com')],
  ['a test', testMessage('test-1', now)],
]
const URLS: [url: string, service: string][] = [
  ['discord://123456789012345678/token-of-discord?thread=7', 'discord'],
  ['discord://token-of-discord@123456789012345678', 'discord'],
  ['slack://T1JJ3T3L2/A1BRTD4JD/tokenOfSlack', 'slack-hook'],
  ['slack://hook:T1JJ3T3L2-A1BRTD4JD-tokenOfSlack@webhook', 'slack-hook'],
  ['slack://xoxb-1234-token-of-slack@C001CH4NN3L', 'slack-api'],
  ['tgram://123456789:token_of_telegram/-1001', 'telegram'],
  ['telegram://123456789:token_of_telegram@telegram?chats=@some_channel:12', 'telegram'],
  ['ntfy://topic-of-ntfy', 'ntfy'],
  [`ntfy://user:password-of-ntfy@${at}/topic-of-ntfy?priority=max&tags=nas`, 'ntfy'],
  [`gotify://${at}/token.of.gotify`, 'gotify'],
  [`apprise://${at}/deployer?tags=ops`, 'apprise'],
  [`json://${at}/hook?a=b`, 'json'],
  [`generic://${at}/hook?disabletls=yes&secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`, 'json'],
  [`generic+http://${at}/hook`, 'json'],
]
const secret = 'the-main-secret-of-the-test'
const keys = [secret, 'the-secret-before-that-one'].map(keyFrom)
const send = (url: string, message: Message) => {
  const [channel] = createChannels([url], keys, standIns.services)
  return channel!.send(message, AbortSignal.timeout(20_000))
}

describe.each(URLS)('%s', (url, service) => {
  it.each(messages)('tells %s in a form that the service takes', async (_, message) => {
    expect(await send(url, message)).toEqual({ ok: true, status: 200, answer: 'taken', again: false, wait: 0 })
    expect(standIns.received).toMatchObject([{ service, ok: true }])
    const text = JSON.stringify(standIns.received[0]?.body)
    expect(text).toContain(service === 'discord' ? message.title.slice(0, 5) : message.title)
    // The end of what failed is what tells.
    if (message.tail && service !== 'discord' && message !== messages[1]![1]) expect(text).toContain('s||')
  })

  it('says what the service answers, and nothing of the URL', async () => {
    const parts = [
      'token-of-discord',
      'tokenOfSlack',
      'xoxb-1234-token-of-slack',
      'token_of_telegram',
      'topic-of-ntfy',
      'password-of-ntfy',
      'token.of.gotify',
    ]
    standIns.answer = (response) =>
      response.writeHead(404).end(`there is nothing for ${url} ${parts.filter((part) => url.includes(part)).join(' ')}`)
    const delivery = await send(url, messages[5]![1])
    expect(delivery).toMatchObject({ ok: false, status: 404, again: false })
    for (const part of [...parts, url]) expect(delivery.answer).not.toContain(part)
  })
})

describe('a message', () => {
  const bodyOf = async (url: string, message = messages[0]![1]) => {
    await send(url, message)
    return standIns.received[0] as { path: string; headers: Record<string, any>; body: any }
  }

  it('calls nobody, and means nothing but itself', async () => {
    const { body } = await bodyOf(URLS[0]![0])
    expect(body.allowed_mentions).toEqual({ parse: [] })
    expect(body.embeds[0].description).toContain('\\<\\!channel\\>'.replace('\\!', '!'))
    expect(body.embeds[0].description.split('```')).toHaveLength(3)
    expect(body.embeds[0].description).toContain('https://git.example.com/my_app')
  })

  it('tells from which version to which, where to read what is new, why, and what to do', async () => {
    const { body } = await bodyOf(`json://${at}/hook`)
    expect(body.type).toBe('rolled_back')
    expect(body.title).toBe('media: deploy failed, the release before runs again')
    expect(body.message).toContain(
      'web: registry.example.com/my_app:latest 1.2.3 (111111111111) → 1.3.0 (222222222222) – https://git.example.com/my_app',
    )
    expect(body.message).toContain('verify failed: web ended.')
    expect(body.message).toContain('This image is not tried again by itself.')
    expect(body.link).toBe(`https://deploy.example.com/ui/jobs/${id}`)
    expect(body.data.job).toMatchObject({ job_id: id, code: 'step_failed' })
  })

  /** Verified as the specification says, by nothing of ours. */
  const signatureOf = (base64: string, headers: Record<string, any>, body: string) => {
    const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
    return `v1,${createHmac('sha256', Buffer.from(base64, 'base64')).update(content).digest('base64')}`
  }

  it('in JSON is signed the Standard Webhooks way, with the secret of its URL, which is not sent', async () => {
    const { headers, body, path } = await bodyOf(`json://${at}/hook?a=b&secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`)
    expect(path).toBe('/hook?a=b')
    expect(headers['webhook-id']).toBe(`${id}-end`)
    expect(Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp']))).toBeLessThan(300)
    expect(headers['webhook-signature']).toBe(signatureOf('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', headers, JSON.stringify(body)))
  })

  it('or with keys that DEPLOY_SECRET and the previous one give', async () => {
    const { headers, body } = await bodyOf(`json://${at}/hook`)
    const signatures = String(headers['webhook-signature']).split(' ')
    const derived = createHmac('sha256', secret).update('webhooks').digest('base64')
    expect(signatures).toHaveLength(2)
    expect(signatures[0]).toBe(signatureOf(derived, headers, JSON.stringify(body)))
    expect(derived).not.toContain(secret)
  })

  it('carries a login and headers that the URL names', async () => {
    const { headers, path } = await bodyOf(`json://me:pass%20word@${at}/hook?+X-Token=abc&@X-Other=d&method=PUT`)
    expect(headers).toMatchObject({
      'x-token': 'abc',
      'x-other': 'd',
      authorization: `Basic ${Buffer.from('me:pass word').toString('base64')}`,
    })
    expect(path).toBe('/hook')
  })
})

describe('a service', () => {
  const message = messages[0]![1]
  it.each([
    [400, {}, { again: false }],
    [401, {}, { again: false }],
    [404, {}, { again: false }],
    [410, {}, { again: false }],
    [408, {}, { again: true }],
    [429, { 'Retry-After': '7' }, { again: true, wait: 7 }],
    [429, { 'Retry-After': '999999' }, { again: true, wait: 3600 }],
    [500, {}, { again: true, wait: 0 }],
    [503, { 'Retry-After': '3' }, { again: true, wait: 3 }],
    [301, { Location: 'https://elsewhere.example.com/' }, { again: false }],
  ])('that answers %d is asked again only where that may help', async (status, headers, expected) => {
    standIns.answer = (response) => response.writeHead(status, headers as Record<string, string>).end('no')
    expect(await send(`json://${at}/hook`, message)).toMatchObject({ ok: false, status, ...expected })
  })

  it.each([
    ['discord://123456789012345678/token-of-discord', '{"message":"rate limited","retry_after":2.5,"global":false}', 2.5],
    [
      'tgram://123456789:token_of_telegram/1',
      '{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":4}}',
      4,
    ],
  ])('says in its body how long it wants to be left alone: %s', async (url, body, wait) => {
    standIns.answer = (response) => response.writeHead(429).end(body)
    expect(await send(url, message)).toMatchObject({ again: true, wait })
  })

  it('that says no with a 200 has said no', async () => {
    standIns.answer = (response) => response.writeHead(200).end('{"ok":false,"error":"channel_not_found"}')
    expect(await send('slack://xoxb-1234-token-of-slack@C1', message)).toMatchObject({
      ok: false,
      answer: 'channel_not_found',
      again: false,
    })
  })

  it('that is not there, or says nothing, is asked again; no address is told', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const [slow] = createChannels([`json://127.0.0.1:${port}/`], keys)
    expect(await slow!.send(message, AbortSignal.timeout(100))).toMatchObject({
      ok: false,
      status: null,
      again: true,
      answer: 'no answer in time',
    })
    const closed = once(silent, 'close')
    silent.close()
    for (const socket of sockets) socket.destroy()
    await closed
    const gone = await slow!.send(message, AbortSignal.timeout(5000))
    expect(gone).toMatchObject({ ok: false, status: null, again: true })
    expect(gone.answer).toBe('cannot be reached (ECONNREFUSED)')
  })
})
