import { createMiddleware } from 'hono/factory'
import type { IncomingMessage } from 'node:http'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../problem.ts'

const EMPTY = new Uint8Array()

/**
 * The second gate: reads the raw body, which the signature is made over, and stops at the limit. From Node's own request: the
 * Fetch stream around it takes longer than the signature does. A GET has none: who could sign one would have a plain signature for any
 * GET, since that is made over the body where there is one.
 */
export function createReadBody(maxBytes: number) {
  const tooLarge = () =>
    new Problem('body_too_large', `The body is larger than ${maxBytes} bytes (MAX_BODY_BYTES).`, { Connection: 'close' })
  return createMiddleware<AppEnv>(async (c, next) => {
    const { incoming } = c.env
    const announced = Number(incoming.headers['content-length'] ?? 0)
    const empty = announced === 0 && incoming.headers['transfer-encoding'] === undefined
    if (!empty && (incoming.method === 'GET' || incoming.method === 'HEAD')) {
      throw new Problem('body_not_allowed', 'Send a GET without a body: its parameters are in the query.', { Connection: 'close' })
    }
    if (announced > maxBytes) throw tooLarge()
    c.set('body', empty ? EMPTY : await read(incoming, maxBytes, tooLarge))
    return next()
  })
}

/** @throws {Problem} when it is too large, or ends before it is complete. */
function read(incoming: IncomingMessage, maxBytes: number, tooLarge: () => Problem): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else {
        // What still comes is thrown away, so that the caller reads the answer before the connection ends.
        incoming.removeAllListeners('data').resume()
        reject(tooLarge())
      }
    })
    incoming.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)))
    const broken = () => reject(new Problem('invalid_request', 'The request ended before its body was complete.'))
    incoming.on('error', broken)
    incoming.on('aborted', broken)
  })
}
