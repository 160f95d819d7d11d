import { createHmac, timingSafeEqual } from 'node:crypto'

/** The hex HMAC-SHA-256 of a message. */
export function sign(secret: string, message: string | Uint8Array): string {
  return createHmac('sha256', secret).update(message).digest('hex')
}

/**
 * The message of a timestamped signature: `timestamp.METHOD.path.body`.
 *
 * @param target The path with its query string, as sent.
 */
export function timestampedMessage(timestamp: string, method: string, target: string, body: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${timestamp}.${method}.${target}.`), body])
}

/** Hex digits of a signature header: with or without `sha256=`, upper or lower case; `null` when it is no signature. */
export function parseSignature(header: string): Buffer | null {
  const hex = /^(?:sha256=)?([0-9a-f]{64})$/i.exec(header.trim())?.[1]
  return hex === undefined ? null : Buffer.from(hex, 'hex')
}

/** Compares in constant time, and tries every secret whether or not one has matched. */
export function signedByAny(secrets: readonly string[], message: string | Uint8Array, signature: Buffer): boolean {
  let matched = false
  for (const secret of secrets) {
    const expected = createHmac('sha256', secret).update(message).digest()
    matched = timingSafeEqual(expected, signature) || matched
  }
  return matched
}
