import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import type { Services } from './channels/services.ts'

/** A message that a stand-in has taken, or refused. */
export interface Received {
  service: string
  ok: boolean
  path: string
  headers: IncomingMessage['headers']
  body: unknown
}

/** For tests: stands in for every service, checks what it gets as that service would, and refuses what that one would refuse. */
export interface StandIns {
  /** `127.0.0.1:port` */
  address: string
  services: Services
  received: Received[]
  /** From now on every request is answered so; `null`: as the service would. */
  answer: ((response: ServerResponse) => void) | null
  close(): Promise<void>
}

const link = z.url({ protocol: /^https?$/ })
const json = (schema: z.ZodType) => (request: IncomingMessage, text: string) => {
  if (!request.headers['content-type']?.startsWith('application/json')) return 'no JSON'
  const parsed = schema.safeParse(JSON.parse(text))
  return parsed.success ? null : JSON.stringify(parsed.error.issues)
}

/** Limits by Discord's documentation of webhooks and embeds. */
const Discord = z.strictObject({
  username: z.string().max(80).optional(),
  content: z.string().max(2000).optional(),
  allowed_mentions: z.strictObject({ parse: z.array(z.enum(['everyone', 'roles', 'users'])) }),
  embeds: z
    .array(
      z
        .strictObject({
          title: z.string().min(1).max(256),
          description: z.string().min(1).max(4096),
          color: z.int().min(0).max(0xffffff),
          timestamp: z.iso.datetime(),
          url: link.optional(),
        })
        .refine(({ title, description }) => title.length + description.length <= 6000),
    )
    .min(1)
    .max(10),
})
/** `<` and `>` are Slack's own: of a link, or escaped. */
const SlackText = z
  .string()
  .min(1)
  .max(4000)
  .refine((text) => !/[<>]/.test(text.replace(/<https?:\/\/[^<>\s]+>/g, '')) && !/&(?!(amp|lt|gt);)/.test(text))
const Slack = z.strictObject({ channel: z.string().optional(), text: SlackText, unfurl_links: z.boolean(), unfurl_media: z.boolean() })
const Telegram = z.strictObject({
  chat_id: z.string().regex(/^(-?\d+|@\w+)$/),
  message_thread_id: z.int().optional(),
  disable_notification: z.boolean().optional(),
  parse_mode: z.literal('HTML'),
  link_preview_options: z.strictObject({ is_disabled: z.boolean() }),
  // Known marks, each closed; then nothing of HTML's may be left.
  text: z.string().refine((text) => {
    const parsed = text.replace(/<b>([^<>]*)<\/b>/g, '$1').replace(/<pre>([^<>]*)<\/pre>/g, '$1')
    return !/[<>]|&(?!(amp|lt|gt|quot);)/.test(parsed) && parsed.replace(/&\w+;/g, '.').length <= 4096
  }),
})
const bytes = (most: number) => z.string().refine((text) => Buffer.byteLength(text) <= most)
const Ntfy = z.strictObject({
  topic: z.string().regex(/^[-_A-Za-z0-9]{1,64}$/),
  title: bytes(250),
  message: bytes(4096),
  priority: z.int().min(1).max(5),
  tags: z.array(z.string().regex(/^\w+$/)),
  click: link.optional(),
})
const Gotify = z.strictObject({
  title: z.string(),
  message: z.string().min(1),
  priority: z.int(),
  extras: z.looseObject({ 'client::display': z.strictObject({ contentType: z.literal('text/plain') }) }),
})
const Apprise = z.strictObject({
  title: z.string(),
  body: z.string().min(1),
  type: z.enum(['info', 'success', 'warning', 'failure']),
  format: z.enum(['text', 'markdown', 'html']),
  tag: z.string().optional(),
})
const Json = z.strictObject({
  type: z.string(),
  timestamp: z.iso.datetime(),
  level: z.string(),
  title: z.string(),
  message: z.string(),
  link: link.nullable(),
  data: z.looseObject({}),
})

type Check = (request: IncomingMessage, text: string) => string | null

/** What each service has, its check, its answers to what is right and wrong, and the login that it wants. */
const SERVICES: [service: string, path: RegExp, check: Check, good: unknown, bad: number, login?: [header: string, value: string]][] = [
  ['discord', /^\/api\/webhooks\/123456789012345678\/token-of-discord\?wait=true(&thread_id=\d+)?$/, json(Discord), { id: '1' }, 400],
  ['slack-hook', /^\/services\/T1JJ3T3L2\/A1BRTD4JD\/tokenOfSlack$/, json(Slack), 'ok', 400],
  [
    'slack-api',
    /^\/api\/chat\.postMessage$/,
    json(Slack.required({ channel: true })),
    { ok: true },
    400,
    ['authorization', 'Bearer xoxb-1234-token-of-slack'],
  ],
  ['telegram', /^\/bot123456789:token_of_telegram\/sendMessage$/, json(Telegram), { ok: true, result: {} }, 400],
  ['ntfy', /^\/$/, json(Ntfy), { id: 'x', topic: 'topic-of-ntfy' }, 400],
  ['gotify', /^\/message$/, json(Gotify), { id: 1 }, 400, ['x-gotify-key', 'token.of.gotify']],
  ['apprise', /^\/notify\/deployer$/, json(Apprise), {}, 400],
  ['json', /^\/hook(\?.*)?$/, json(Json), {}, 400],
]

export async function startStandIns(): Promise<StandIns> {
  const received: Received[] = []
  const standIns: Partial<StandIns> = { received, answer: null }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { url: path = '', headers } = request
      const text = Buffer.concat(chunks).toString('utf8')
      const found = SERVICES.find(([, known]) => known.test(path))
      const say = (status: number, body: unknown) => response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
      if (standIns.answer) return standIns.answer(response)
      if (!found || request.method !== 'POST') return say(404, { message: `there is no ${path}` })
      const [service, , check, good, bad, login] = found
      const wrong = login && headers[login[0]] !== login[1] ? 'unauthorized' : check(request, text)
      received.push({ service, ok: wrong === null, path, headers, body: JSON.parse(text) })
      if (wrong === null) return say(200, good)
      // Slack's API says so in the body.
      return service === 'slack-api'
        ? say(200, { ok: false, error: wrong })
        : say(login && wrong === 'unauthorized' ? 401 : bad, { description: wrong })
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const base = `http://${address}`
  return Object.assign(standIns as StandIns, {
    address,
    services: { discord: base, slackHooks: base, slackApi: base, telegram: base, ntfy: base },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  })
}
