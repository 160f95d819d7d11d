import { type ChannelUrl, MalformedUrl } from '../channel-url.ts'
import { cutEnd, fit } from '../layout.ts'
import type { Message, Send } from '../message.ts'
import { post } from '../post.ts'
import type { Services } from './services.ts'

/** Characters that an embed's title and description may have. */
const TITLE = 256
const DESCRIPTION = 4096
const COLORS: Record<Message['level'], number> = { info: 0x3498db, success: 0x2ecc71, warning: 0xf1c40f, failure: 0xe74c3c }

/** Discord's webhooks. Apprise: `discord://id/token`; shoutrrr: `discord://token@id`. */
export function discord(url: ChannelUrl, services: Services): Send[] {
  // In Apprise's spelling a user is the name that the message gets.
  const apprise = url.path.length > 0
  const id = url.authority
  const token = apprise ? url.path[0] : url.user
  if (!/^\d+$/.test(id) || !token) throw new MalformedUrl("it is not discord://<id>/<token>, the last two parts of the webhook's address")
  const thread = url.query.get('thread') ?? url.query.get('thread_id')
  const target = `${services.discord}/api/webhooks/${id}/${encodeURIComponent(token)}?wait=true${thread ? `&thread_id=${encodeURIComponent(thread)}` : ''}`
  const username = (apprise ? url.user : '') || url.query.get('username') || undefined
  return [
    (message, signal) =>
      post(target, { 'Content-Type': 'application/json' }, JSON.stringify(payload(message, username)), signal, retryAfter),
  ]
}

function payload(message: Message, username: string | undefined) {
  const marks = '\n```\n\n```'
  const { text, tail } = fit(message, DESCRIPTION - marks.length, (part) => escapeMarkdown(part).length)
  return {
    ...(username === undefined ? {} : { username }),
    // Nobody is called, whatever a log line says.
    allowed_mentions: { parse: [] },
    embeds: [
      {
        title: cutEnd(message.title, TITLE),
        description: `${escapeMarkdown(text)}${tail && `\n\`\`\`\n${fenced(tail)}\n\`\`\``}`,
        color: COLORS[message.level],
        timestamp: message.at,
        ...(message.link === null ? {} : { url: message.link }),
      },
    ],
  }
}

/** A text that means nothing but itself. Addresses stay as they are, or they could not be followed. */
function escapeMarkdown(text: string): string {
  return text.replace(/https?:\/\/[^\s<>]+|[\\*_~`|<>[\]#@-]/g, (found) => (found.length > 1 ? found : `\\${found}`))
}

/** A text that does not end the block that it stands in. */
function fenced(text: string): string {
  return text.replaceAll('```', "'''")
}

function retryAfter(body: string, status: number) {
  if (status !== 429) return null
  const [, seconds = '0'] = /"retry_after":\s*([\d.]+)/.exec(body) ?? []
  return { wait: Number(seconds) }
}
