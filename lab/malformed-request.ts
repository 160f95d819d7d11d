import type { Random } from './random.ts'

/** What is no HTTP, or not quite. It ends the connection, so that each costs one. */
export function malformedRequest(random: Random): Buffer {
  const bytes = Buffer.from(Array.from({ length: 1 + random.below(60) }, () => random.below(256)))
  const text = random.pick([
    'GET / HTTP/9.9\r\n\r\n',
    'GET /\r\n\r\n',
    'POST /deploy HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    'POST /deploy HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST /deploy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n',
    'POST /deploy HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n',
    `GET /${'a'.repeat(3000)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
    'GET / HTTP/1.1\r\nConnection: close\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n',
    'GET http:// HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  ])
  return random.chance(0.3) ? Buffer.concat([bytes, Buffer.from('\r\n\r\n')]) : Buffer.from(text, 'latin1')
}
