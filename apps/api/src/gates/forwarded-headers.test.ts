import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createClientAddress, limitKey } from './client-address.ts'

const PROXY = '10.0.0.1'
const PROXIES = [PROXY, '192.168.0.0/16', 'fd00::/8']
const quiet = () => undefined
const clientAddress = createClientAddress(PROXIES, 'X-Forwarded-For', quiet)

function request(peer: string, headers: Record<string, string | undefined>): IncomingMessage {
  return { socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage
}
const address = fc.oneof(fc.ipV4(), fc.ipV6())
const outsider = fc.ipV4().filter((ip) => !ip.startsWith('10.') && !ip.startsWith('192.168.'))
const noise = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), address, fc.constantFrom('', ',', ', ,', 'unknown', '1.2.3.4:80'))
/** Every header in which somebody names a caller, with anything in it. */
const allHeaders = fc.record(
  {
    'x-forwarded-for': noise,
    forwarded: noise,
    'x-real-ip': noise,
    'cf-connecting-ip': noise,
    'cf-connecting-ipv6': noise,
    'true-client-ip': noise,
    'x-client-ip': noise,
    'fastly-client-ip': noise,
    'x-original-forwarded-for': noise,
  },
  { requiredKeys: [] },
)

describe('forwarded headers', () => {
  it('of anybody but a trusted proxy are not believed', () => {
    fc.assert(
      fc.property(outsider, allHeaders, (peer, headers) => {
        expect(clientAddress(request(peer, headers))).toBe(peer)
      }),
    )
  })

  it('always make an address, whatever is in them', () => {
    fc.assert(
      fc.property(allHeaders, (headers) => {
        const found = clientAddress(request(PROXY, headers))
        expect(isIP(found)).not.toBe(0)
        expect(limitKey(found).length).toBeLessThan(60)
      }),
    )
  })

  it('of a trusted proxy are believed for its own hop alone: a caller cannot make up another address by what it sends', () => {
    fc.assert(
      fc.property(outsider, noise, allHeaders, (real, madeUp, others) => {
        const forwarded = `${madeUp.replaceAll(/[\r\n]/g, '')}, ${real}`
        expect(clientAddress(request(PROXY, { ...others, 'x-forwarded-for': forwarded }))).toBe(real)
      }),
    )
  })

  it.each(['CF-Connecting-IP', 'X-Real-IP', 'True-Client-IP'])('are believed in the one that is named, %s, and in no other', (name) => {
    const named = createClientAddress(PROXIES, name, quiet)
    fc.assert(
      fc.property(outsider, allHeaders, (real, others) => {
        expect(named(request(PROXY, { ...others, [name.toLowerCase()]: real }))).toBe(real)
        expect(named(request(PROXY, { ...others, [name.toLowerCase()]: undefined }))).toBe(PROXY)
      }),
    )
  })

  it('count an IPv6 subscriber as one', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((number) => number.toString(16))
    const half = fc.array(group, { minLength: 4, maxLength: 4 }).map((groups) => groups.join(':'))
    fc.assert(
      fc.property(half, half, half, half, (network, other, host, another) => {
        expect(limitKey(`${network}:${host}`)).toBe(`${network}::/64`)
        expect(limitKey(`${network}:${another}`)).toBe(limitKey(`${network}:${host}`.toUpperCase()))
        expect(limitKey(`${other}:${host}`) === limitKey(`${network}:${host}`)).toBe(other === network)
        expect(limitKey(`${network}::1`)).toBe(`${network}::/64`)
      }),
    )
  })
})
