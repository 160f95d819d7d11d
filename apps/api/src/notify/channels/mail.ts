import type { Transporter } from 'nodemailer'
import { type ChannelUrl, flagOf, MalformedUrl } from '../channel-url.ts'
import { plainText } from '../layout.ts'
import type { Delivery, Message, Send } from '../message.ts'
import { oneLine } from '../post.ts'

/** Characters of a mail: enough for all that there is. */
const TEXT = 20_000
/** Milliseconds that a server may take for each part of the conversation. */
const PATIENCE = 10_000
/** Where the mail of well-known providers is handed in. */
const PROVIDERS: Record<string, string> = {
  'gmail.com': 'smtp.gmail.com',
  'googlemail.com': 'smtp.gmail.com',
  'outlook.com': 'smtp-mail.outlook.com',
  'hotmail.com': 'smtp-mail.outlook.com',
  'yahoo.com': 'smtp.mail.yahoo.com',
  'icloud.com': 'smtp.mail.me.com',
  'fastmail.com': 'smtp.fastmail.com',
  'gmx.net': 'mail.gmx.net',
  'gmx.de': 'mail.gmx.net',
  'web.de': 'smtp.web.de',
  'zoho.com': 'smtp.zoho.com',
}
const TLS_PORT = 465

/**
 * Mail over SMTP. Apprise: `mailto://user:password@gmail.com?to=…`, `mailtos://…?smtp=host`; shoutrrr: `smtp://user:password@host:port/?from=…&to=…`.
 * TLS from the start on port 465 or with `mailtos`, `smtps` and a port of its own; otherwise STARTTLS, without which no password is sent.
 */
export function mail(url: ChannelUrl): Send[] {
  const { scheme, user, password, query } = url
  const domain = url.host
  const host = query.get('smtp') || PROVIDERS[domain] || domain
  const address = user.includes('@') ? user : `${user || 'deployer'}@${domain}`
  const from = query.get('from') ?? query.get('fromaddress') ?? address
  const to = [query.get('to') ?? query.get('toaddresses') ?? '', ...url.path].flatMap((list) => list.split(',')).filter(Boolean)
  const receivers = to.length > 0 ? to : user ? [address] : []
  if (!host) throw new MalformedUrl('it has no host')
  if (receivers.length === 0 || ![...receivers, addressIn(from)].every(isAddress)) {
    throw new MalformedUrl('it needs addresses: ?to=you@example.com and, where the user is none, &from=deployer@example.com')
  }
  const mode = (query.get('mode') ?? query.get('encryption') ?? '').toLowerCase()
  const implicit =
    ['ssl', 'implicittls'].includes(mode) || url.port === TLS_PORT || (scheme.endsWith('s') && !['starttls', 'explicittls'].includes(mode))
  const plain = ['insecure', 'none'].includes(mode) || (flagOf(url, 'usestarttls') ?? flagOf(url, 'starttls')) === false
  // Of providers, the name that signs in is the whole address.
  const name = domain in PROVIDERS || query.has('smtp') ? address : user
  const options = {
    host,
    port: url.port ?? (implicit ? TLS_PORT : password ? 587 : 25),
    secure: implicit,
    requireTLS: !implicit && !plain && password !== '',
    ignoreTLS: plain,
    connectionTimeout: PATIENCE,
    greetingTimeout: PATIENCE,
    socketTimeout: PATIENCE,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(password ? { auth: { user: query.get('user') ?? name, pass: password } } : {}),
  }
  const sender = from.includes('<') ? from : { name: query.get('name') ?? query.get('fromname') ?? 'Deployer', address: from }
  let transport: Transporter | undefined
  return [
    async (message) => {
      // Loaded only where it is wanted: it costs memory.
      transport ??= (await import('nodemailer')).createTransport(options)
      return send(transport, sender, receivers, message)
    },
  ]
}

async function send(
  transport: Transporter,
  from: string | { name: string; address: string },
  to: string[],
  message: Message,
): Promise<Delivery> {
  try {
    await transport.sendMail({
      from,
      to,
      subject: message.title,
      text: plainText(message, TEXT),
      date: new Date(message.at),
      // The same for every try, so that mailboxes can tell.
      messageId: `<${message.id}@deployer>`,
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
      // Lines of logs must not be taken for addresses or files.
      disableFileAccess: true,
      disableUrlAccess: true,
    })
    return { ok: true, status: 250, answer: 'taken', again: false, wait: 0 }
  } catch (error) {
    const { code, responseCode, response } = error as { code?: string; responseCode?: number; response?: string }
    // What a server refuses for good has a code of 5xx.
    const why =
      code === 'ETLS' ? 'offers no TLS, and without it no password is sent' : `cannot be reached (${code ?? 'the connection failed'})`
    const answer = response ? oneLine(response) : why
    return { ok: false, status: responseCode ?? null, answer, again: !(responseCode && responseCode >= 500), wait: 0 }
  }
}

/** `Name <address>` → `address`. */
function addressIn(from: string): string {
  return /<([^>]*)>/.exec(from)?.[1] ?? from
}

function isAddress(text: string): boolean {
  return /^[^\s@<>,;]+@[^\s@<>,;]+$/.test(text)
}
