import { type ChannelUrl, flagOf, MalformedUrl, serverOf } from '../channel-url.ts'
import { plainText } from '../layout.ts'
import type { Message, Send } from '../message.ts'
import { post } from '../post.ts'

/** Characters that are sent: Gotify has no limit of its own, but nobody reads more on a phone. */
const TEXT = 8000
const PRIORITIES: Record<Message['level'], number> = { info: 4, success: 4, warning: 5, failure: 8 }

/** Gotify: `gotify://host/token`, `gotifys://host/below/token`. */
export function gotify(url: ChannelUrl): Send[] {
  const token = url.path.at(-1)
  if (!token) throw new MalformedUrl('it is not gotify://<host>/<token>')
  const secure = url.scheme === 'gotifys' || flagOf(url, 'disabletls') === false
  const below = url.path.slice(0, -1).map((part) => `/${encodeURIComponent(part)}`)
  const target = `${serverOf(url, secure ? 'https' : 'http')}${below.join('')}/message`
  const priority = url.query.has('priority') ? Number(url.query.get('priority')) : null
  if (priority !== null && !(priority >= 0 && priority <= 10)) throw new MalformedUrl('its priority is not one from 0 to 10')
  return [
    (message, signal) => {
      const body = {
        title: message.title,
        message: plainText(message, TEXT),
        priority: priority ?? PRIORITIES[message.level],
        extras: {
          'client::display': { contentType: 'text/plain' },
          ...(message.link === null ? {} : { 'client::notification': { click: { url: message.link } } }),
        },
      }
      // In a header, not in the address: servers write addresses into their logs.
      return post(target, { 'Content-Type': 'application/json', 'X-Gotify-Key': token }, JSON.stringify(body), signal)
    },
  ]
}
