import { expect, it } from 'vitest'
import { createRedact } from '@deployer/shared/redact'
import { createTail } from './tail.ts'

const none = (text: string) => text

it('keeps the end, at most 4,096 characters, from the beginning of a line', () => {
  const tail = createTail()
  for (let line = 0; line < 10_000; line++) tail.add(`line ${line}`)
  const text = tail.text(none)
  expect(text.length).toBeLessThanOrEqual(4096)
  expect(text.length).toBeGreaterThan(4000)
  expect(text).toMatch(/^line \d+\n/)
  expect(text.endsWith('line 9999\n')).toBe(true)
})

it('cuts after secrets were struck out, so that no half of one is left', () => {
  const secret = 'x'.repeat(5000)
  const tail = createTail()
  tail.add(`password ${secret}`)
  expect(tail.text(createRedact([secret]))).toBe('password ***\n')
})

it('is empty when nothing was said', () => {
  expect(createTail().text(none)).toBe('')
})
