import { type ChannelUrl, loginOf, MalformedUrl, serverOf } from '../channel-url.ts'
import { plainText } from '../layout.ts'
import type { Send } from '../message.ts'
import { post } from '../post.ts'

/** Characters that are sent: Apprise cuts them to what each of its services takes. */
const TEXT = 8000

/** An Apprise API server, for every service that is not spoken to here: `apprise://host/key`, `apprises://user:password@host:port/below/key?tags=…`. */
export function apprise(url: ChannelUrl): Send[] {
  const key = url.path.at(-1)
  if (!key || !/^[\w-]{1,128}$/.test(key)) throw new MalformedUrl('it is not apprise://<host>/<key>')
  const below = url.path.slice(0, -1).map((part) => `/${encodeURIComponent(part)}`)
  const target = `${serverOf(url, url.scheme === 'apprises' ? 'https' : 'http')}${below.join('')}/notify/${key}`
  const tag = url.query.get('tags') ?? url.query.get('tag')
  return [
    (message, signal) => {
      const body = { title: message.title, body: plainText(message, TEXT), type: message.level, format: 'text', ...(tag ? { tag } : {}) }
      return post(target, { 'Content-Type': 'application/json', ...loginOf(url) }, JSON.stringify(body), signal)
    },
  ]
}
