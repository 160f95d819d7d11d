import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchesGlob } from './glob.ts'

describe('matchesGlob', () => {
  it.each([
    ['media', 'media', true],
    ['media', 'media2', false],
    ['media', 'Media', false],
    ['*', '', true],
    ['web-*', 'web-', true],
    ['web-*', 'a-web-1', false],
    ['*-prod', 'a-b-prod', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['refs/heads/*', 'refs/heads/a/b', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['a.c', 'abc', false],
  ])('%s with %s: %s', (glob, text, expected) => {
    expect(matchesGlob(glob, text)).toBe(expected)
  })

  it('agrees with a regular expression', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 })
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 })
    fc.assert(
      fc.property(part, text, (glob, text) => {
        const pattern = glob
          .split('')
          .map((letter) => ({ '*': '.*', '?': '.' })[letter] ?? letter)
          .join('')
        expect(matchesGlob(glob, text)).toBe(new RegExp(`^${pattern}$`).test(text))
      }),
    )
  })

  it('ends soon where one that backtracks would not', () => {
    expect(matchesGlob('*a'.repeat(500), 'b'.repeat(20_000))).toBe(false)
  })
})
