import { BlockList, isIP, isIPv6 } from 'node:net'
import type { IncomingMessage } from 'node:http'
import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'

/** Finds out who is at the other end of a request, as far as can be believed. */
export type ClientAddress = (request: IncomingMessage) => string

/**
 * The address of the connection, unless that is a trusted proxy's: then what it says in `CF-Connecting-IP`, or the last
 * address of `X-Forwarded-For` that is not a trusted proxy itself. Everything left of that one could have been made up by the caller.
 *
 * @param trusted Addresses and CIDRs of proxies.
 */
export function createClientAddress(trusted: string[]): ClientAddress {
  const proxies = new BlockList()
  for (const entry of trusted) {
    const [address = '', prefix] = entry.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) proxies.addAddress(address, family)
    else proxies.addSubnet(address, Number(prefix), family)
  }
  const isProxy = (address: string) => proxies.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')

  return (request) => {
    const peer = normalize(request.socket.remoteAddress ?? '')
    if (!isIP(peer) || !isProxy(peer)) return peer
    const cloudflare = normalize(single(request.headers['cf-connecting-ip']))
    if (isIP(cloudflare)) return cloudflare
    const hops = single(request.headers['x-forwarded-for']).split(',').map(normalize).reverse()
    let client = peer
    for (const hop of hops) {
      if (!isIP(hop)) break
      client = hop
      if (!isProxy(hop)) break
    }
    return client
  }
}

/** Notes the address for the gates behind it. */
export function nameClient(clientAddress: ClientAddress) {
  return createMiddleware<AppEnv>(async (c, next) => {
    c.set('clientAddress', clientAddress(c.env.incoming))
    return next()
  })
}

/** What counts as one client for a limit: an IPv6 subscriber has a whole /64. */
export function limitKey(address: string): string {
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const groups = head ? head.split(':') : []
  if (tail !== undefined) {
    const rest = tail ? tail.split(':') : []
    while (groups.length + rest.length < 8) groups.push('0')
    groups.push(...rest)
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}

/** Without white space, and an IPv4 address that came in over an IPv6 socket as what it is. */
function normalize(address: string): string {
  const trimmed = address.trim()
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(trimmed) ? trimmed.slice(7) : trimmed
}

function single(header: string | string[] | undefined): string {
  return Array.isArray(header) ? header.join(',') : (header ?? '')
}
