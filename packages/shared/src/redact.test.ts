import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createRedact } from './redact.ts'

it('strikes out every value, the longest first, whatever characters it has', () => {
  const redact = createRedact(['abc', 'abcdef', 'a.c$', 'two\nlines', ''])
  expect(redact('abcdef abc a.c$ axc lines')).toBe('*** *** *** axc ***')
})

it('leaves no value behind in any text', () => {
  const secret = fc.string({ minLength: 4 }).filter((text) => !/[\n\r*]/.test(text) && text.trim() !== '')
  fc.assert(
    fc.property(fc.array(secret, { minLength: 1 }), fc.array(fc.string()), (secrets, between) => {
      const text = secrets.map((value, index) => `${between[index] ?? ' '}${value}`).join('')
      const redacted = createRedact(secrets)(text)
      // What was put together anew out of two rests is not a value that was in the text.
      for (const value of secrets) expect(redacted.split('***').some((part) => part.includes(value))).toBe(false)
    }),
  )
})
