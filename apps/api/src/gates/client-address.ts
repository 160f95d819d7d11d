import { BlockList, isIP, isIPv6 } from 'node:net'
import type { IncomingMessage } from 'node:http'
import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'

/** Finds out who is at the other end of a request, as far as can be believed. */
export type ClientAddress = (request: IncomingMessage) => string

/** Whether an address is one of TRUSTED_PROXIES. */
export type IsProxy = (address: string) => boolean

/** Headers in which proxies name their callers, and callers whom they like. */
const FORWARDING = ['X-Forwarded-For', 'Forwarded', 'X-Real-IP', 'CF-Connecting-IP', 'True-Client-IP']

/**
 * The address of the connection, unless that is a trusted proxy's: then what it says in the one header that is named. Of `X-Forwarded-For`
 * that is the last address which is no trusted proxy itself: everything left of it could have been made up by the caller. Another header
 * counts when it is one address. A header that is not named is never looked at: a proxy passes on what it does not set.
 *
 * @param trusted Addresses and CIDRs of proxies.
 * @param header CLIENT_ADDRESS_HEADER.
 * @param onDisbelief Told of each forwarding header of a peer that is no trusted proxy.
 */
export function createClientAddress(trusted: string[], header: string, onDisbelief: (peer: string, header: string) => void): ClientAddress {
  const isProxy = createIsProxy(trusted)
  const name = header.toLowerCase()
  const suspects = [...new Set([...FORWARDING, header])].map((original) => [original.toLowerCase(), original] as const)

  return ({ socket, headers }) => {
    const peer = peerAddress(socket)
    if (!isProxy(peer)) {
      for (const [lower, original] of suspects) if (headers[lower] !== undefined) onDisbelief(peer, original)
      return peer
    }
    const value = single(headers[name])
    if (name !== 'x-forwarded-for') return isIP(normalize(value)) ? normalize(value) : peer
    let client = peer
    for (const hop of value.split(',').map(normalize).reverse()) {
      if (!isIP(hop)) break
      client = hop
      if (!isProxy(hop)) break
    }
    return client
  }
}

export function createIsProxy(trusted: string[]): IsProxy {
  const proxies = new BlockList()
  for (const entry of trusted) {
    const [address = '', prefix] = entry.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) proxies.addAddress(address, family)
    else proxies.addSubnet(address, Number(prefix), family)
  }
  return (address) => isIP(address) !== 0 && proxies.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/** Who a connection comes from. */
export function peerAddress({ remoteAddress }: { remoteAddress?: string | undefined }): string {
  return normalize(remoteAddress ?? '')
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
