import { randomUUID } from 'node:crypto'
import { STATUS_CODES, type ServerOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import { COMMON_HEADERS } from './gates/harden.ts'
import { PROBLEMS, problemBody, type ProblemCode } from './problem.ts'

/**
 * What one connection may take of the server. A request has to be complete within these times (milliseconds), however slowly it trickles
 * in; how long its answer takes is another matter.
 */
export const SERVER_OPTIONS: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 2000,
  keepAliveTimeout: 30_000,
  maxHeaderSize: 16_384,
}

/** Milliseconds that the peer has to read an answer to what was no request. */
const LAST_WORDS = 1000

/** What Node's parser could not read, by the code of its error. */
const PARSER_PROBLEMS: Record<string, [status: number, code: ProblemCode, detail: string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'request_timeout', 'Send the whole request within 30 s, its headers within 10 s.'],
  HPE_HEADER_OVERFLOW: [431, 'invalid_request', 'The headers have at most 16 KiB.'],
}

/** Answers what is no HTTP request, or comes too slowly, with problem details too, and ends the connection. */
export function answerClientError(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, code, detail] = PARSER_PROBLEMS[error.code ?? ''] ?? [400, 'invalid_request', 'This is not an HTTP request.']
  const body = problemBody(status, PROBLEMS[code][1], detail, code)
  const headers = {
    ...COMMON_HEADERS,
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    'X-Request-Id': randomUUID(),
    Connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
  // Who does not close his side would keep it open for ever.
  setTimeout(() => socket.destroy(), LAST_WORDS).unref()
}
