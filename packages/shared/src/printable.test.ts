import fc from 'fast-check'
import { expect, it } from 'vitest'
import { printable } from './printable.ts'

it('takes out escapes and leaves the text', () => {
  expect(printable('\x1b[31mred\x1b[0m \x1b]0;title\x07käse\t1\r\n\x1b]8;;http://a\x07link\x1b]8;;\x07\x08')).toBe('red käse\t1\nlink')
})

it('leaves nothing that a terminal obeys, also where taking out one escape makes another', () => {
  const piece = fc.constantFrom('\x1b', '[', ']', '31m', '\x9b', '\x9d', '\x07', '\r', '\x1b[2J', '\x1b]0;', ' ', '0', 'a', 'é', '\\', '\0')
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      // oxlint-disable-next-line no-control-regex
      expect(/[\0-\x08\x0b-\x1f\x7f-\x9f]/.test(printable(pieces.join('')))).toBe(false)
    }),
  )
})

it('is done with a hostile line in no time', () => {
  for (const piece of ['\x1b]0;', '\x1b[', '\x1b[;', '\x9b1;', '\x1b ']) printable(piece.repeat(1_000_000))
})
