import { expect, it } from 'vitest'
import { Every } from './every.ts'

it.each([
  ['0', { kind: 'asked' }],
  ['5m', { kind: 'interval', milliseconds: 300_000 }],
  ['6h', { kind: 'interval', milliseconds: 21_600_000 }],
  ['0 4 * * *', { kind: 'cron', line: '0 4 * * *' }],
  ['  30   3 * *  1-5 ', { kind: 'cron', line: '30 3 * * 1-5' }],
])('%j is understood', (text, every) => {
  expect(Every.parse(text)).toEqual(every)
})

it.each(['', '4m', '299s', 'daily', '@daily', '0 4 * *', '0 0 4 * * *', '61 4 * * *', '0 0 30 2 *', 'every 6h'])(
  '%j is refused',
  (text) => {
    expect(Every.safeParse(text).success).toBe(false)
  },
)
