import fc from 'fast-check'
import { expect, it } from 'vitest'
import { testMessage } from './compose-message.ts'
import { bytes, cutEnd, fit, plainText } from './layout.ts'

const message = (lines: string[], tail: string) => ({
  ...testMessage('id', '2026-01-01T00:00:00.000Z', 'https://deploy.example.com'),
  lines,
  tail,
})

it('keeps the end of the tail, and what happened before it', () => {
  const cut = fit(message(['what happened'], `${'x\n'.repeat(500)}the reason`), 100)
  expect(cut.text).toBe('what happened')
  expect(cut.tail).toMatch(/^…[^]*the reason$/)
  expect(fit(message(['y'.repeat(500)], 'the reason'), 100)).toEqual({ text: `${'y'.repeat(99)}…`, tail: '' })
})

it('is never longer than the limit, by whatever it is measured, and never cuts a character in two', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' })),
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.integer({ min: 100, max: 400 }),
      (lines, tail, limit) => {
        const text = plainText(message(lines, tail), limit, bytes)
        expect(bytes(text)).toBeLessThanOrEqual(limit)
        expect(text.isWellFormed()).toBe(true)
      },
    ),
  )
  expect(cutEnd('😀😀😀', 5)).toBe('😀😀…')
})
