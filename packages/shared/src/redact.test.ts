import fc from 'fast-check'
import { expect, it } from 'vitest'
import { printable } from './printable.ts'
import { createRedact } from './redact.ts'

const alphanumeric = /[\p{L}\p{N}]/u

it('strikes out every value, the longest first, whatever characters it has', () => {
  const redact = createRedact(['abcdefgh', 'abcdefghij', 'a.c$e^g', 'first line\nsecond line\n}', ''])
  expect(redact('abcdefghij abcdefgh a.c$e^g axc$e^g second line }')).toBe('*** *** *** axc$e^g *** }')
})

it('strikes out a common word where it stands alone, and never inside of other words', () => {
  const redact = createRedact(['start', '8080', 'ok'])
  expect(redact('web restarts, started: MODE=start, "start" db_start 18080 :8080 token')).toBe(
    'web restarts, started: MODE=***, "***" db_*** 18080 :*** token',
  )
})

it('knows a value without its escapes, quoted, and in a URL', () => {
  const redact = createRedact(['pa\x1b[31mss"wo/rd'])
  expect(redact('a pass"wo/rd b pa\\u001b[31mss\\"wo/rd c pa%1B%5B31mss%22wo%2Frd')).toBe('a *** b *** c ***')
})

const secret = fc
  .string({ unit: 'binary-ascii', minLength: 6 })
  .filter((text) => !/[\n\r*]/.test(text) && printable(text).trim().length >= 6 && !/^\p{L}+$/u.test(text))
const word = fc.stringMatching(/^[a-z]{4,12}$/)

it('leaves no value behind in any text', () => {
  fc.assert(
    fc.property(fc.array(secret, { minLength: 1 }), fc.array(fc.string()), (secrets, between) => {
      const text = secrets.map((value, index) => `${between[index] ?? ' '}${value}`).join('')
      const redacted = createRedact(secrets)(text)
      // What was put together anew out of two rests is not a value that was in the text.
      for (const value of secrets) expect(redacted.split('***').some((part) => part.includes(value))).toBe(false)
    }),
  )
})

it('leaves no value behind in a line that has lost its escapes', () => {
  fc.assert(
    fc.property(secret, word, word, (value, before, after) => {
      const line = `${before} ${printable(value)} ${after}`
      expect(
        createRedact([value])(line)
          .split('***')
          .some((part) => part.includes(printable(value))),
      ).toBe(false)
    }),
  )
})

it('changes no word that merely contains a common one, and leaves none that stands alone', () => {
  fc.assert(
    fc.property(word, word, fc.constantFrom(' ', ':', '=', '"', '_', '/', '-'), (value, other, mark) => {
      const redact = createRedact([value])
      expect(redact(`${other}${value} ${value}${other}`)).toBe(`${other}${value} ${value}${other}`)
      expect(redact(`${mark}${value}${mark}`)).toBe(`${mark}***${mark}`)
      expect(alphanumeric.test(redact(value))).toBe(false)
    }),
  )
})
