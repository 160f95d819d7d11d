import { createRedact } from '@deployer/shared/redact'
import { partsOfUrl } from '@deployer/shared/secrets-of-url'
import { type ChannelUrl, MalformedUrl, parseChannelUrl } from './channel-url.ts'
import { apprise } from './channels/apprise.ts'
import { discord } from './channels/discord.ts'
import { gotify } from './channels/gotify.ts'
import { json } from './channels/json.ts'
import { mail } from './channels/mail.ts'
import { ntfy } from './channels/ntfy.ts'
import { type Services, SERVICES } from './channels/services.ts'
import { slack } from './channels/slack.ts'
import { telegram } from './channels/telegram.ts'
import type { Send } from './message.ts'

/** One receiver of messages. */
export interface Channel {
  /** Names it in queue and log: position, scheme, and which receiver of the URL. */
  id: string
  /** The scheme of its URL. */
  scheme: string
  /** The position of its URL in NOTIFY_URLS, from 1. */
  position: number
  send: Send
}

type Kind = (url: ChannelUrl, services: Services, keys: Buffer[]) => Send[]

const jsonKind: Kind = (url, _services, keys) => json(url, keys)
const KINDS: Record<string, Kind> = {
  discord,
  slack,
  telegram,
  tgram: telegram,
  ntfy,
  ntfys: ntfy,
  gotify,
  gotifys: gotify,
  mailto: mail,
  mailtos: mail,
  smtp: mail,
  smtps: mail,
  json: jsonKind,
  jsons: jsonKind,
  generic: jsonKind,
  'generic+https': jsonKind,
  'generic+http': jsonKind,
  apprise,
  apprises: apprise,
}

/**
 * Makes the channels of NOTIFY_URLS. A URL with several receivers is several channels, so that one which fails is tried again alone.
 *
 * @param keys What signs JSON where its URL names no secret.
 * @param services Where services are that have one address for everybody.
 * @throws {MalformedUrl} that names a URL by its position and scheme.
 */
export function createChannels(urls: string[], keys: Buffer[], services: Services = SERVICES): Channel[] {
  return urls.flatMap((url, index) => {
    const position = index + 1
    const which = (scheme: string) => `URL ${position} of ${urls.length}${scheme && ` (${scheme}://…)`}`
    const { scheme, sends } = readUrl(url, which, keys, services)
    const redact = createRedact([url, ...partsOfUrl(url)])
    return sends.map((send, receiver): Channel => {
      const id = `${position}-${scheme}${sends.length > 1 ? `-${receiver + 1}` : ''}`
      const guarded: Send = async (message, signal) => {
        const delivery = await send(message, signal)
        // A service may say back what it was sent.
        return { ...delivery, answer: redact(delivery.answer) }
      }
      return { id, scheme, position, send: guarded }
    })
  })
}

function readUrl(url: string, which: (scheme: string) => string, keys: Buffer[], services: Services) {
  let scheme = ''
  try {
    const parsed = parseChannelUrl(url)
    const kind = KINDS[parsed.scheme]
    if (!kind) throw new MalformedUrl(`it is none of ${Object.keys(KINDS).join(', ')}: everything else goes through an Apprise server`)
    scheme = parsed.scheme
    return { scheme, sends: kind(parsed, services, keys) }
  } catch (error) {
    if (!(error instanceof MalformedUrl)) throw error
    throw new MalformedUrl(`${which(scheme)}: ${error.message}`)
  }
}
