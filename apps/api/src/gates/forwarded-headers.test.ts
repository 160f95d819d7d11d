import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createClientAddress, limitKey } from './client-address.ts'

const PROXY = '10.0.0.1'
const clientAddress = createClientAddress([PROXY, '192.168.0.0/16', 'fd00::/8'])

function request(peer: string, forwarded?: string, cloudflare?: string): IncomingMessage {
  const headers = { 'x-forwarded-for': forwarded, 'cf-connecting-ip': cloudflare }
  return { socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage
}
const address = fc.oneof(fc.ipV4(), fc.ipV6())
const outsider = fc.ipV4().filter((ip) => !ip.startsWith('10.') && !ip.startsWith('192.168.'))
const noise = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), address, fc.constantFrom('', ',', ', ,', 'unknown', '1.2.3.4:80'))

describe('forwarded headers', () => {
  it('of anybody but a trusted proxy are not believed', () => {
    fc.assert(
      fc.property(outsider, noise, noise, (peer, forwarded, cloudflare) => {
        expect(clientAddress(request(peer, forwarded, cloudflare))).toBe(peer)
      }),
    )
  })

  it('always make an address, whatever is in them', () => {
    fc.assert(
      fc.property(
        fc.array(noise).map((parts) => parts.join(',')),
        noise,
        (forwarded, cloudflare) => {
          const found = clientAddress(request(PROXY, forwarded, cloudflare))
          expect(isIP(found)).not.toBe(0)
          expect(limitKey(found).length).toBeLessThan(60)
        },
      ),
    )
  })

  it('of a trusted proxy are believed for its own hop alone: a caller cannot make up another address by what it sends', () => {
    fc.assert(
      fc.property(outsider, noise, (real, madeUp) => {
        expect(clientAddress(request(PROXY, `${madeUp.replaceAll(/[\r\n]/g, '')}, ${real}`))).toBe(real)
      }),
    )
  })

  it('count an IPv6 subscriber as one', () => {
    fc.assert(
      fc.property(fc.ipV6(), (ip) => {
        const key = limitKey(ip)
        if (ip.includes(':')) expect(key).toMatch(/^[0-9a-f:]+::\/64$/)
      }),
    )
  })
})
