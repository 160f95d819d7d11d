import { createHash, timingSafeEqual } from 'node:crypto'

/** The token of an `Authorization: Bearer` header; `null` where there is none. */
export function bearerToken(header: string | undefined): string | null {
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(header ?? '')?.[1] ?? null
}

/** Compares in constant time, also where the lengths differ. */
export function isSameSecret(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}
