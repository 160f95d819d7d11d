import { expect, it } from 'vitest'
import { Duration } from './duration.ts'

it.each([
  ['0', 0],
  ['90s', 90_000],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['3d', 259_200_000],
  ['2w', 1_209_600_000],
])('%s is %d ms', (text, milliseconds) => {
  expect(Duration.parse(text)).toBe(milliseconds)
})

it.each(['', ' ', '5', '1.5h', '-1h', '3 days', 'h', '30m1h', '99999d', 'PT1H'])('%j is no duration', (text) => {
  expect(Duration.safeParse(text).success).toBe(false)
})
