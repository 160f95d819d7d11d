import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseSignature, sign, signedByAny, timestampedMessage } from './signature.ts'

const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: 64, maxLength: 64 })

describe('parseSignature', () => {
  it('reads 64 hex digits in any case, with or without the prefix', () => {
    fc.assert(
      fc.property(hex, fc.boolean(), fc.boolean(), (digits, prefix, upper) => {
        const header = `${prefix ? 'sha256=' : ''}${upper ? digits.toUpperCase() : digits}`
        expect(parseSignature(header)?.toString('hex')).toBe(digits)
      }),
    )
  })

  it('takes nothing else, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const parsed = parseSignature(text)
        expect(parsed === null || parsed.length === 32).toBe(true)
        if (!/^\s*(sha256=)?[0-9a-f]{64}\s*$/i.test(text)) expect(parsed).toBeNull()
      }),
    )
  })
})

describe('signedByAny', () => {
  it('holds for the right secret and message, and for no other', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), fc.uint8Array(), fc.uint8Array(), (secret, other, message, forged) => {
        const signature = Buffer.from(sign(secret, message), 'hex')
        expect(signature.equals(createHmac('sha256', secret).update(message).digest())).toBe(true)
        expect(signedByAny([other, secret], message, signature)).toBe(true)
        if (other !== secret)
          expect(signedByAny([other], message, signature)).toBe(signedByAny([secret], message, Buffer.from(sign(other, message), 'hex')))
        if (Buffer.compare(message, forged) !== 0) expect(signedByAny([secret], forged, signature)).toBe(false)
      }),
    )
  })
})

describe('timestampedMessage', () => {
  it('differs whenever time, method, path or body do', () => {
    // A method has no dot, and a path begins with a slash: so the joints cannot be moved.
    const parts = fc.tuple(
      fc.integer({ min: 0, max: 2 ** 40 }).map(String),
      fc.constantFrom('GET', 'POST', 'DELETE'),
      fc.webPath().map((path) => `/${path}`),
      fc.uint8Array({ maxLength: 20 }),
    )
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const same = JSON.stringify(one.slice(0, 3)) === JSON.stringify(other.slice(0, 3)) && Buffer.compare(one[3], other[3]) === 0
        const equal = Buffer.compare(timestampedMessage(...one), timestampedMessage(...other)) === 0
        // Path and body are told apart by the length of the path alone, which the request itself has.
        if (one[2].length === other[2].length) expect(equal).toBe(same)
      }),
    )
  })
})
