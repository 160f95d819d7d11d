/** What Deployer can send to as it is written for Watchtower. */
const KNOWN = /^(discord|slack|telegram|ntfy|gotify|smtp|generic\+https?|generic)$/

/**
 * The addresses that messages were sent to, in a spelling that `NOTIFY_URLS` takes.
 *
 * @returns Addresses, which are secrets, and what cannot be said that way.
 */
export function notifyUrls(options: Map<string, string>): { urls: string[]; warnings: string[] } {
  const urls: string[] = []
  const warnings: string[] = []
  const get = (name: string) => options.get(`notification-${name}`) ?? ''
  for (const url of get('url')
    .split(/[\s,]+/)
    .filter(Boolean)) {
    const scheme = url.split(':')[0] ?? ''
    if (url.startsWith('/')) warnings.push(`the addresses of its messages are in the file ${url}: copy that`)
    else if (KNOWN.test(scheme)) urls.push(scheme === 'generic' ? url.replace('generic:', 'generic+https:') : url)
    else warnings.push(`messages to ${scheme}:// need an Apprise server: NOTIFY_URLS=apprise://host/key`)
  }
  for (const kind of (options.get('notifications') ?? '').split(/[\s,]+/).filter(Boolean)) {
    if (kind === 'shoutrrr') continue
    const url = legacy(kind, get)
    if (url) urls.push(url)
    else warnings.push(`messages by "${kind}" have to be set up anew as NOTIFY_URLS`)
  }
  return { urls, warnings }
}

/** What was set part by part, in one address. */
function legacy(kind: string, get: (name: string) => string): string | null {
  const part = encodeURIComponent
  if (kind === 'email') {
    const [server, user, password] = [get('email-server'), get('email-server-user'), get('email-server-password')]
    const login = user ? `${part(user)}:${part(password)}@` : ''
    const query = new URLSearchParams({ from: get('email-from'), to: get('email-to') }).toString()
    return server && get('email-to') ? `smtp://${login}${server}:${get('email-server-port') || '25'}/?${query}` : null
  }
  if (kind === 'slack') {
    const hook = /^https:\/\/hooks\.slack\.com\/services\/([^/]+\/[^/]+\/[^/]+)$/.exec(get('slack-hook-url'))?.[1]
    return hook ? `slack://${hook}` : null
  }
  const server = URL.parse(get('gotify-url'))
  if (kind !== 'gotify' || !server || !get('gotify-token')) return null
  return `${server.protocol === 'https:' ? 'gotifys' : 'gotify'}://${server.host}${server.pathname.replace(/\/$/, '')}/${part(get('gotify-token'))}`
}
