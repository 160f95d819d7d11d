import { createHmac } from 'node:crypto'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { type ChannelUrl, flagOf, loginOf, MalformedUrl, serverOf } from '../channel-url.ts'
import { plainText } from '../layout.ts'
import type { Message, Send } from '../message.ts'
import { post } from '../post.ts'

/** Characters of the text for people; the data for programs is beside it. */
const TEXT = 8000
/** Parameters that are told to us, and not to the receiver. */
const OURS = new Set([
  'secret',
  'disabletls',
  'template',
  'messagekey',
  'titlekey',
  'contenttype',
  'requestmethod',
  'method',
  'format',
  'overflow',
  'verify',
])

/**
 * A receiver of one's own, which gets JSON that is signed as the Standard Webhooks say: `json://host/path`, `jsons://…`, shoutrrr's `generic://…`
 * (HTTPS unless `disabletls=yes`), `generic+https://…`, `generic+http://…`. `secret=whsec_…` in the query is the key, and is not sent.
 *
 * @param keys What signs where the URL names no secret: the current one first.
 */
export function json(url: ChannelUrl, keys: Buffer[]): Send[] {
  const { scheme, path, query } = url
  const secure = scheme === 'generic' ? flagOf(url, 'disabletls') !== true : ['jsons', 'generic+https'].includes(scheme)
  const own = query.get('secret')
  const signing = own === undefined ? keys : [keyOf(own)]
  if (signing.length === 0) throw new MalformedUrl('it has no secret=whsec_… to sign with, and there is no DEPLOY_SECRET to take one from')
  const headers: Record<string, string> = { 'Content-Type': 'application/json', ...loginOf(url) }
  const search = new URLSearchParams()
  for (const [name, value] of query) {
    if (/^[+@]./.test(name)) headers[name.slice(1)] = value
    else if (!OURS.has(name) && !/^[-:$]./.test(name)) search.set(name, value)
  }
  try {
    for (const [name, value] of Object.entries(headers)) {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    }
  } catch {
    throw new MalformedUrl('it asks for a header that cannot be')
  }
  const below = path.map((part) => `/${encodeURIComponent(part)}`).join('') || '/'
  const target = `${serverOf(url, secure ? 'https' : 'http')}${below}${search.size > 0 ? `?${search.toString()}` : ''}`
  return [
    (message, signal) => {
      const body = JSON.stringify(payload(message))
      return post(target, { ...headers, ...signatureOf(message.id, body, signing) }, body, signal)
    },
  ]
}

function payload(message: Message) {
  const { event, at, level, title, link, data } = message
  return { type: event, timestamp: at, level, title, message: plainText({ ...message, link: null }, TEXT), link, data }
}

/** `whsec_` and base64, as the libraries of the Standard Webhooks take it. @throws {MalformedUrl} */
function keyOf(secret: string): Buffer {
  // In a query a plus may have become a space.
  const base64 = /^whsec_([A-Za-z0-9+/=]+)$/.exec(secret.replaceAll(' ', '+'))?.[1]
  const key = Buffer.from(base64 ?? '', 'base64')
  if (key.length < 16)
    throw new MalformedUrl('its secret is not whsec_ followed by 16 or more bytes in base64: make one with openssl rand -base64 32')
  return key
}

/** The key that is used where no URL names one. Whoever gets messages must not be able to sign deploys, so it is not the secret itself. */
export function keyFrom(deploySecret: string): Buffer {
  return createHmac('sha256', deploySecret).update('webhooks').digest()
}

/** The three headers of the Standard Webhooks, for this moment. */
function signatureOf(id: string, body: string, keys: Buffer[]): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1000))
  const signatures = keys.map((key) => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`)
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
