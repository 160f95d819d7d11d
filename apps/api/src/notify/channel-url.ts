import { decoded } from '@deployer/shared/secrets-of-url'

/** Why a URL is none of a channel. The reason never holds anything of the URL. */
export class MalformedUrl extends Error {
  override readonly name = 'MalformedUrl'
}

/** A URL of a channel, taken apart. Not by WHATWG's rules: in these URLs a host may be a token, with capitals and colons. */
export interface ChannelUrl {
  scheme: string
  user: string
  password: string
  /** What stands before the path, without user and password, as it is. */
  authority: string
  host: string
  port: number | null
  /** The parts of the path that are not empty. */
  path: string[]
  query: Map<string, string>
}

/** @throws {MalformedUrl} */
export function parseChannelUrl(url: string): ChannelUrl {
  const [, scheme = '', rest = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/s.exec(url) ?? []
  if (!scheme) throw new MalformedUrl('it has no scheme, such as ntfy://')
  const [place = '', search = ''] = rest.split(/\?(.*)/s)
  const [before = '', path = ''] = place.split(/\/(.*)/s)
  const at = before.lastIndexOf('@')
  const [user = '', password = ''] = at < 0 ? [] : before.slice(0, at).split(/:(.*)/s)
  const authority = before.slice(at + 1)
  const [, host = authority, port] = /^(\[[^\]]*\]|[^:]*):(\d*)$/.exec(authority) ?? []
  return {
    scheme: scheme.toLowerCase(),
    user: decoded(user),
    password: decoded(password),
    authority: decoded(authority),
    host: decoded(host),
    port: port ? Number(port) : null,
    path: path.split('/').filter(Boolean).map(decoded),
    query: parseQuery(search),
  }
}

/** Names without regard to case. A `+` is a plus: Apprise has it before the names of headers. */
function parseQuery(search: string): Map<string, string> {
  const pairs = search.split('&').filter(Boolean)
  return new Map(
    pairs.map((pair) => {
      const [name = '', value = ''] = pair.split(/=(.*)/s)
      return [decoded(name).toLowerCase(), decoded(value)]
    }),
  )
}

/** A parameter that says yes or no; `null` where it is not there. */
export function flagOf({ query }: ChannelUrl, name: string): boolean | null {
  const value = query.get(name)?.toLowerCase()
  return value === undefined ? null : ['yes', 'true', '1', 'on'].includes(value)
}

/** Where a server of the operator's own is. @throws {MalformedUrl} */
export function serverOf({ host, port }: ChannelUrl, protocol: 'http' | 'https'): string {
  const address = URL.parse(`${protocol}://${host}${port === null ? '' : `:${port}`}`)
  if (!host || !address || address.pathname !== '/') throw new MalformedUrl('it has no host, or one that cannot be')
  return address.origin
}

/** The header of a login in the URL; none where there is none. */
export function loginOf({ user, password }: ChannelUrl): Record<string, string> {
  return user || password ? { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` } : {}
}
