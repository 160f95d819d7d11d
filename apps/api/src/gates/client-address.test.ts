import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createClientAddress, limitKey } from './client-address.ts'

const request = (remoteAddress: string, headers: Record<string, string> = {}) =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage
const proxies = ['10.0.0.0/8', '2001:db8::1', 'fd00::/8']
const quiet = () => undefined
const address = createClientAddress(proxies, 'X-Forwarded-For', quiet)
const cloudflare = createClientAddress(proxies, 'CF-Connecting-IP', quiet)

describe('the client address', () => {
  it.each([
    ['the connection itself', '203.0.113.9', {}, '203.0.113.9'],
    ['not what a stranger says', '203.0.113.9', { 'x-forwarded-for': '1.1.1.1', 'cf-connecting-ip': '2.2.2.2' }, '203.0.113.9'],
    ['the last hop before the proxies', '10.0.0.1', { 'x-forwarded-for': '6.6.6.6, 198.51.100.7, 10.0.0.2' }, '198.51.100.7'],
    ['not in a header that nobody named', '10.0.0.1', { 'cf-connecting-ip': '1.1.1.1', 'x-forwarded-for': '198.51.100.8' }, '198.51.100.8'],
    ['the proxy, when there is another header only', '10.0.0.1', { 'cf-connecting-ip': '1.1.1.1', 'x-real-ip': '1.1.1.2' }, '10.0.0.1'],
    ['the proxy, when the header is nonsense', '10.0.0.1', { 'x-forwarded-for': 'nonsense' }, '10.0.0.1'],
    ['the hop after nonsense', '10.0.0.1', { 'x-forwarded-for': '<script>, 10.0.0.3' }, '10.0.0.3'],
    ['an IPv4 address on an IPv6 socket', '::ffff:10.0.0.1', { 'x-forwarded-for': '198.51.100.7' }, '198.51.100.7'],
    ['over IPv6, behind a network of proxies', 'fd12::5', { 'x-forwarded-for': '2001:db8:1::5, fd00::9' }, '2001:db8:1::5'],
    ['an IPv6 neighbour of a proxy', '2001:db8::2', { 'x-forwarded-for': '2001:db8:1::5' }, '2001:db8::2'],
    ['over IPv6', '2001:db8::1', { 'x-forwarded-for': '2001:db8:1::5' }, '2001:db8:1::5'],
  ])('is %s', (_, peer, headers, expected) => {
    expect(address(request(peer, headers as Record<string, string>))).toBe(expected)
  })

  it.each([
    ['the one address of that header', '10.0.0.1', { 'cf-connecting-ip': '198.51.100.8', 'x-forwarded-for': '1.1.1.1' }, '198.51.100.8'],
    ['not what a stranger says', '203.0.113.9', { 'cf-connecting-ip': '1.1.1.1' }, '203.0.113.9'],
    ['the proxy, when there are two addresses', '10.0.0.1', { 'cf-connecting-ip': '1.1.1.1, 198.51.100.8' }, '10.0.0.1'],
    ['the proxy, when the header is not there', '10.0.0.1', { 'x-forwarded-for': '198.51.100.8' }, '10.0.0.1'],
  ])('is %s, where CLIENT_ADDRESS_HEADER names another one', (_, peer, headers, expected) => {
    expect(cloudflare(request(peer, headers as Record<string, string>))).toBe(expected)
  })

  it('tells of forwarding headers that are not believed', () => {
    const told: string[] = []
    const telling = createClientAddress(proxies, 'X-Forwarded-For', (peer, header) => told.push(`${peer} ${header}`))
    telling(request('203.0.113.9', { 'x-forwarded-for': '1.1.1.1', 'x-real-ip': '1.1.1.1' }))
    telling(request('10.0.0.1', { 'x-forwarded-for': '1.1.1.1' }))
    telling(request('203.0.113.10', {}))
    expect(told).toEqual(['203.0.113.9 X-Forwarded-For', '203.0.113.9 X-Real-IP'])
  })

  it('counts an IPv6 subscriber once', () => {
    expect(limitKey('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
    expect(limitKey('2001:db8:1:2::9')).toBe(limitKey('2001:db8:1:2:ffff::1'))
    expect(limitKey('2001:db8:1:3::9')).not.toBe(limitKey('2001:db8:1:2::9'))
    expect(limitKey('::1')).toBe('0:0:0:0::/64')
    expect(limitKey('198.51.100.7')).toBe('198.51.100.7')
  })
})
