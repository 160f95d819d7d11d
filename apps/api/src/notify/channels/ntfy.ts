import { type ChannelUrl, loginOf, MalformedUrl, serverOf } from '../channel-url.ts'
import { bytes, cutEnd, plainText } from '../layout.ts'
import type { Message, Send } from '../message.ts'
import { post } from '../post.ts'
import type { Services } from './services.ts'

/** Bytes of a message: longer ones become files. */
const MESSAGE = 4096
const TITLE = 250
const TAGS: Record<Message['level'], string> = {
  info: 'information_source',
  success: 'white_check_mark',
  warning: 'warning',
  failure: 'rotating_light',
}
const PRIORITIES: Record<Message['level'], number> = { info: 3, success: 3, warning: 3, failure: 4 }
const PRIORITY_NAMES = ['min', 'low', 'default', 'high', 'max']

/** ntfy. `ntfy://topic` is ntfy.sh; `ntfy://host/topic` and `ntfys://user:password@host/topic` a server of one's own, `ntfys://tk_…@host/topic` with a token. */
export function ntfy(url: ChannelUrl, services: Services): Send[] {
  const { scheme, user, password, host, path, query } = url
  const hosted = path.length === 0 || host === 'ntfy.sh'
  const topics = path.length === 0 ? [host] : path
  if (topics.some((topic) => !/^[-_A-Za-z0-9]{1,64}$/.test(topic)))
    throw new MalformedUrl('it names no topic, which has letters, digits, "_" and "-"')
  const secure = scheme === 'ntfys' || query.get('scheme') === 'https'
  const target = hosted ? services.ntfy : serverOf(url, secure ? 'https' : 'http')
  const token = query.get('token') ?? (password === '' && user.startsWith('tk_') ? user : '')
  const login: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : loginOf(url)
  const headers = { 'Content-Type': 'application/json', ...login }
  const priority = priorityOf(query.get('priority'))
  const more = (query.get('tags') ?? '').split(',').filter(Boolean)
  return topics.map((topic): Send => {
    return (message, signal) => {
      const body = {
        topic,
        title: cutEnd(message.title, TITLE, bytes),
        message: plainText(message, MESSAGE, bytes),
        priority: priority ?? PRIORITIES[message.level],
        tags: [TAGS[message.level], ...more],
        ...(message.link === null ? {} : { click: message.link }),
      }
      return post(target, headers, JSON.stringify(body), signal)
    }
  })
}

function priorityOf(value: string | undefined): number | null {
  if (value === undefined) return null
  const named = PRIORITY_NAMES.indexOf(value.toLowerCase()) + 1
  const number = named || Number(value)
  if (![1, 2, 3, 4, 5].includes(number)) throw new MalformedUrl('its priority is not one from 1 to 5')
  return number
}
