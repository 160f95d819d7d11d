import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { Problem } from '../problem.ts'
import { readBody, type BodyRules } from './read-body.ts'

const MAX = 200_000
let rules: Partial<BodyRules> = {}
let asked = 0
const server = createServer((incoming, outgoing) => {
  const onLarge = async () => void asked++
  readBody(incoming, { maxBytes: MAX, keep: true, onLarge, ...rules }).then(
    (body) => outgoing.end(String(body.byteLength)),
    (error: unknown) => outgoing.end(error instanceof Problem ? error.code : String(error)),
  )
}).listen(0, '127.0.0.1')
await once(server, 'listening')
afterAll(() => server.closeAllConnections())

/** Sends so many bytes, and tells what was read of them. */
async function send(bytes: number, chunked: boolean, more: Partial<BodyRules> = {}): Promise<string> {
  rules = more
  asked = 0
  const headers = chunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': String(bytes) }
  const sent = request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', method: 'POST', headers })
  // The rest of what is refused may be sent to nobody.
  sent.on('error', () => undefined)
  sent.end('x'.repeat(bytes))
  const [answer] = await once(sent, 'response')
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  return text
}

describe.each([
  ['announced', false],
  ['in chunks', true],
])('a body that comes %s', (_, chunked) => {
  it('is read up to the limit, and refused beyond', async () => {
    for (const bytes of [1, 65_536, MAX]) expect(await send(bytes, chunked)).toBe(String(bytes))
    expect(await send(MAX + 1, chunked)).toBe('body_too_large')
  })

  it('is asked about once where it has more than 64 KiB, and not before', async () => {
    await send(65_536, chunked)
    expect(asked).toBe(0)
    await send(MAX, chunked)
    expect(asked).toBe(1)
    const onLarge = () => Promise.reject(new Problem('rate_limited', 'not so much'))
    expect(await send(MAX, chunked, { onLarge })).toBe('rate_limited')
    expect(await send(65_536, chunked, { onLarge })).toBe('65536')
  })

  it('is not kept of who shows no proof, and is held to the limit all the same', async () => {
    expect(await send(MAX, chunked, { keep: false })).toBe('0')
    expect(asked).toBe(0)
    expect(await send(MAX + 1, chunked, { keep: false })).toBe('body_too_large')
  })
})
