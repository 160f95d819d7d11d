import { type ChannelUrl, MalformedUrl } from '../channel-url.ts'
import { fit } from '../layout.ts'
import type { Message, Send } from '../message.ts'
import { post } from '../post.ts'
import type { Services } from './services.ts'

/** Characters that a message should have at most; Slack cuts off what is longer than ten times that. */
const TEXT = 4000
const JSON_TYPE = { 'Content-Type': 'application/json; charset=utf-8' }

/**
 * Slack. Incoming webhooks in Apprise's spelling, `slack://A/B/C` (also `slack://name@A/B/C/#channel`), and shoutrrr's, `slack://hook:A-B-C@webhook`;
 * bots as `slack://xoxb-…/#channel` and `slack://xoxb:…@channel`.
 */
export function slack(url: ChannelUrl, services: Services): Send[] {
  const bot = botOf(url)
  if (bot) {
    const target = `${services.slackApi}/api/chat.postMessage`
    const headers = { ...JSON_TYPE, Authorization: `Bearer ${bot.token}` }
    return bot.channels.map((channel): Send => {
      return (message, signal) => post(target, headers, JSON.stringify({ channel, ...payload(message) }), signal, refusal)
    })
  }
  const parts = url.user === 'hook' ? url.password.split('-') : [url.authority, ...url.path]
  const [team, service, token, ...channels] = parts
  if (!team || !service || !token || !parts.slice(0, 3).every((part) => /^[A-Za-z0-9]+$/.test(part))) {
    throw new MalformedUrl('it is neither slack://A/B/C (the last three parts of the webhook) nor slack://xoxb-…/#channel')
  }
  const target = `${services.slackHooks}/services/${team}/${service}/${token}`
  return (channels.length > 0 ? channels : [undefined]).map((channel): Send => {
    return (message, signal) => post(target, JSON_TYPE, JSON.stringify({ channel, ...payload(message) }), signal)
  })
}

function botOf({ user, password, authority, path }: ChannelUrl): { token: string; channels: string[] } | null {
  const found =
    user === 'xoxb' && password
      ? { token: `xoxb-${password}`, channels: [authority] }
      : user.startsWith('xoxb-')
        ? { token: user, channels: [authority] }
        : authority.startsWith('xoxb-')
          ? { token: authority, channels: path }
          : null
  if (found && (found.channels.length === 0 || found.channels.includes(''))) throw new MalformedUrl('it names no channel')
  return found
}

function payload(message: Message) {
  const title = `*${escapeText(message.title.slice(0, 300))}*\n`
  const link = message.link === null ? '' : `\n<${escapeText(message.link)}>`
  const marks = '\n```\n\n```'
  const { text, tail } = fit(message, TEXT - title.length - link.length - marks.length, (part) => escapeText(part).length)
  const block = tail && `\n\`\`\`\n${escapeText(tail).replaceAll('```', "'''")}\n\`\`\``
  return { text: `${title}${escapeText(text)}${block}${link}`, unfurl_links: false, unfurl_media: false }
}

/** The three characters that Slack reads as its own: `<!channel>` would call everybody. */
function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** The API answers 200 to everything, and says in the body what is wrong. */
function refusal(body: string, status: number) {
  if (status !== 200) return null
  try {
    const { ok, error } = JSON.parse(body) as { ok?: boolean; error?: string }
    return ok ? null : { why: error ?? 'refused' }
  } catch {
    return { why: 'no answer of Slack' }
  }
}
