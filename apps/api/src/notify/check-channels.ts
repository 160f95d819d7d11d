import type { Finding } from '@deployer/shared/finding'
import { SettingsError, type Settings } from '@deployer/shared/settings'
import { channelsOf } from './start-notify.ts'

type Say = (finding: Finding) => void

/** Stands for a secret that only the API has: what it signs is not sent. */
const UNSEEN = 'not a secret'
const LOOPBACK = /^(localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\])$/

/**
 * Looks at what the settings say of notifications, for `deployer doctor`. That runs where the worker does, whose settings are not always the API's.
 *
 * @param isWatched Whether any stack of this host is watched; `null` where that is not known.
 */
export function checkChannels(settings: Settings, isWatched: boolean | null, say: Say): void {
  if (settings.NOTIFY_URLS.length > 0) nameChannels(settings, say)
  else {
    const news = isWatched ? ', nor of new images' : ''
    say({
      level: 'hint',
      what: 'NOTIFY_URLS is not set here, so the channels were not looked at',
      todo: `It is a setting of the API. If the API has none either, nobody is told of failures${news}: \`deployer notify --test\` knows. See docs/notifications.md.`,
    })
  }
  checkPublicUrl(settings, say)
  checkPingUrl(settings, isWatched, say)
}

function nameChannels(settings: Settings, say: Say): void {
  const isUnseen = settings.DEPLOY_SECRET === undefined && settings.DEPLOY_KEYS_FILE === undefined
  try {
    const receivers = new Map<string, number>()
    for (const { position, scheme } of channelsOf(isUnseen ? { ...settings, DEPLOY_SECRET: UNSEEN } : settings)) {
      const name = `${position} ${scheme}`
      receivers.set(name, (receivers.get(name) ?? 0) + 1)
    }
    const names = [...receivers].map(([name, many]) => (many === 1 ? name : `${name} (${many} receivers)`))
    say({ level: 'ok', what: `NOTIFY_URLS, as it is set here, names ${names.join(', ')}`, todo: '' })
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    say({ level: 'mend', what: error.message.replace(/\.$/, ''), todo: 'The API does not start like this.' })
  }
}

function checkPublicUrl({ PUBLIC_URL, NOTIFY_URLS }: Settings, say: Say): void {
  const hint = (what: string, todo: string) => say({ level: 'hint', what, todo })
  const todo = 'Set it to what people type to get here: https://deploy.your-domain.org'
  if (PUBLIC_URL === undefined) {
    if (NOTIFY_URLS.length > 0) hint('What is told has no link to the page of its job', 'Set PUBLIC_URL to where people reach Deployer.')
    return
  }
  const { hostname, username, password, pathname, search, hash } = new URL(PUBLIC_URL)
  if (username || password) hint('PUBLIC_URL holds a login, which every message shows', todo)
  if (search || hash) hint('PUBLIC_URL has a query or a fragment: links made of it lead nowhere', todo)
  if (/\/(ui|dashboard|docs|jobs)$/.test(pathname)) hint(`PUBLIC_URL ends with a page, ${pathname}, which links have twice then`, todo)
  if (LOOPBACK.test(hostname)) hint(`PUBLIC_URL is at ${hostname}, which leads nowhere from another machine`, todo)
  if (hostname === 'deploy.example.com') hint('PUBLIC_URL is the sample of the documentation', todo)
}

function checkPingUrl({ PING_URL }: Settings, isWatched: boolean | null, say: Say): void {
  if (PING_URL === undefined) return
  const [, end] = /\/(start|fail)\/*$/.exec(new URL(PING_URL).pathname) ?? []
  if (end !== undefined)
    say({ level: 'hint', what: `PING_URL ends with /${end}, which is put behind it anyway`, todo: `Leave /${end} away.` })
  if (isWatched === false)
    say({
      level: 'hint',
      what: 'PING_URL is set, and no stack of this host is watched: there is no round to ping for',
      todo: 'Set WATCH, or leave it away: its service calls you when nothing comes.',
    })
}
