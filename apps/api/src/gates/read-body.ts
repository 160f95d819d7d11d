import type { IncomingMessage } from 'node:http'
import { Problem } from '../problem.ts'

/** Bytes that are taken from anybody who shows a signature. More only from whom the limits let through. */
const SMALL = 65_536
const EMPTY = new Uint8Array()

/** How a body is read. */
export interface BodyRules {
  /** MAX_BODY_BYTES. */
  maxBytes: number
  /** Whether to keep it: of a request without any proof it only matters whether it is too large. */
  keep: boolean
  /** Asked once, before more than 64 KiB are read. @throws {Problem} when its sender may not send that much. */
  onLarge(): Promise<void>
}

/**
 * Reads the raw body, which the signature is made over, and stops at the limit. From Node's own request: the Fetch stream around it takes
 * longer than the signature does.
 *
 * @throws {Problem} when it is too large, or ends before it is complete.
 */
export async function readBody(incoming: IncomingMessage, { maxBytes, keep, onLarge }: BodyRules): Promise<Uint8Array> {
  const tooLarge = () =>
    new Problem('body_too_large', `The body is larger than ${maxBytes} bytes (MAX_BODY_BYTES).`, { Connection: 'close' })
  if (!hasBody(incoming)) return EMPTY
  const chunked = incoming.headers['transfer-encoding'] !== undefined
  const announced = chunked ? 0 : Number(incoming.headers['content-length'])
  if (announced > maxBytes) throw tooLarge()
  if (!keep && !chunked) return EMPTY
  let asked = announced > SMALL && keep
  if (asked) await onLarge()
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxBytes) throw tooLarge()
      if (!keep) continue
      if (size > SMALL && !asked) {
        asked = true
        await onLarge()
      }
      chunks.push(chunk)
    }
  } catch (error) {
    // What still comes is thrown away, so that the caller reads the answer before the connection ends.
    incoming.resume()
    throw error instanceof Problem ? error : new Problem('invalid_request', 'The request ended before its body was complete.')
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
}

/** Whether a request comes with a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
