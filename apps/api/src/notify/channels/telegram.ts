import { type ChannelUrl, flagOf, MalformedUrl } from '../channel-url.ts'
import { fit } from '../layout.ts'
import type { Message, Send } from '../message.ts'
import { post } from '../post.ts'
import type { Services } from './services.ts'

/** Characters of a message, without the marks. */
const TEXT = 4096
/** Before the title, after it, and around the tail. */
const MARKS = 8

/** Telegram's bots. Apprise: `tgram://token/chat/chat`; shoutrrr: `telegram://token@telegram?chats=chat,chat`. A chat may have a topic: `chat:topic`. */
export function telegram(url: ChannelUrl, services: Services): Send[] {
  const apprise = url.user === ''
  const token = apprise ? url.authority : `${url.user}:${url.password}`
  const listed = (url.query.get('chats') ?? url.query.get('channels') ?? '').split(',')
  const chats = (apprise ? url.path : listed).map((chat) => chat.trim()).filter(Boolean)
  if (!/^(bot)?\d+:[\w-]+$/.test(token)) throw new MalformedUrl('its token is not that of a bot, <number>:<letters>')
  if (chats.length === 0) throw new MalformedUrl('it names no chat')
  const target = `${services.telegram}/bot${token.replace(/^bot/, '')}/sendMessage`
  const silent = flagOf(url, 'silent') ?? flagOf(url, 'notification') === false
  return chats.map((chat): Send => {
    const [name = '', topic = url.query.get('topic') ?? url.query.get('thread')] = chat.split(':')
    const receiver = {
      // A name without a number is that of a public channel.
      chat_id: /^-?\d+$/.test(name) || name.startsWith('@') ? name : `@${name}`,
      ...(topic ? { message_thread_id: Number(topic) } : {}),
      ...(silent ? { disable_notification: true } : {}),
    }
    return (message, signal) => {
      const body = JSON.stringify({ ...receiver, ...payload(message) })
      return post(target, { 'Content-Type': 'application/json' }, body, signal, retryAfter)
    }
  })
}

function payload(message: Message) {
  const title = message.title.slice(0, 256)
  const link = message.link ?? ''
  const { text, tail } = fit(message, TEXT - title.length - link.length - MARKS)
  const block = tail && `\n<pre>${escapeHtml(tail)}</pre>`
  return {
    text: `<b>${escapeHtml(title)}</b>\n${escapeHtml(text)}${block}${link && `\n${escapeHtml(link)}`}`,
    parse_mode: 'HTML',
    link_preview_options: { is_disabled: true },
  }
}

/** The three characters that are marks in Telegram's HTML. */
function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function retryAfter(body: string, status: number) {
  if (status < 400) return null
  try {
    const { description, parameters } = JSON.parse(body) as { description?: string; parameters?: { retry_after?: number } }
    return { ...(description === undefined ? {} : { why: description }), wait: parameters?.retry_after ?? 0 }
  } catch {
    return {}
  }
}
