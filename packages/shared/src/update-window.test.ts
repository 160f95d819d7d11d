import { describe, expect, it } from 'vitest'
import { isOpen, nextOpening, UpdateWindow } from './update-window.ts'

const window = (text: string) => UpdateWindow.parse(text)
const at = (time: string) => Date.parse(time)

describe('a window', () => {
  // 2026-11-23 is a Monday.
  it.each([
    ['always', '2026-11-23T12:00:00Z', true],
    ['02:00-05:00', '2026-11-23T02:00:00Z', true],
    ['02:00-05:00', '2026-11-23T01:59:59Z', false],
    ['02:00-05:00', '2026-11-23T04:59:59Z', true],
    ['02:00-05:00', '2026-11-23T05:00:00Z', false],
    ['Mon-Fri 02:00-05:00', '2026-11-28T03:00:00Z', false],
    ['Mon-Fri 02:00-05:00, Sun 01:00-07:00', '2026-11-29T06:00:00Z', true],
    ['Mon-Fri 02:00-05:00, Sun 01:00-07:00', '2026-11-23T06:00:00Z', false],
    ['22:00-04:00', '2026-11-23T23:00:00Z', true],
    ['22:00-04:00', '2026-11-24T03:59:00Z', true],
    ['22:00-04:00', '2026-11-24T04:00:00Z', false],
    ['fri 22:00-04:00', '2026-11-28T03:00:00Z', true],
    ['Fri 22:00-04:00', '2026-11-27T03:00:00Z', false],
    ['Sun 22:00-04:00', '2026-11-23T03:00:00Z', true],
    ['Sat-Mon 02:00-05:00', '2026-11-29T03:00:00Z', true],
    ['Sat-Mon 02:00-05:00', '2026-11-24T03:00:00Z', false],
    ['00:00-24:00', '2026-11-23T23:59:00Z', true],
  ])('%s at %s is open: %s', (text, time, open) => {
    expect(isOpen(window(text), at(time), 'UTC')).toBe(open)
  })

  it('is meant in the zone that is set', () => {
    expect(isOpen(window('Mon 02:00-05:00'), at('2026-11-23T05:30:00Z'), 'America/Sao_Paulo')).toBe(true)
    expect(isOpen(window('Mon 02:00-05:00'), at('2026-11-23T02:30:00Z'), 'America/Sao_Paulo')).toBe(false)
  })

  it.each([
    '',
    '2-5',
    '02:00',
    '02:00-02:00',
    '24:00-02:00',
    '02:60-03:00',
    'Mon',
    'Mon-Xyz 02:00-05:00',
    'Monday 02:00-05:00',
    '02:00-05:00;',
  ])('is none: %j', (text) => {
    expect(UpdateWindow.safeParse(text).success).toBe(false)
  })
})

describe('the next opening', () => {
  it.each([
    ['always', '2026-11-23T12:00:00Z', '2026-11-23T12:00:00Z', 'UTC'],
    ['02:00-05:00', '2026-11-23T03:00:30Z', '2026-11-23T03:00:30Z', 'UTC'],
    ['02:00-05:00', '2026-11-23T05:00:30Z', '2026-11-24T02:00:00Z', 'UTC'],
    ['Mon 02:00-05:00', '2026-11-23T05:00:00Z', '2026-11-30T02:00:00Z', 'UTC'],
    ['Mon-Fri 02:00-05:00, Sun 01:00-07:00', '2026-11-27T12:00:00Z', '2026-11-29T01:00:00Z', 'UTC'],
    ['02:00-05:00', '2026-11-23T12:00:00Z', '2026-11-24T05:00:00Z', 'America/Sao_Paulo'],
    // Berlin's clock goes from 02:00 to 03:00 there, and from 03:00 back to 02:00.
    ['02:30-05:00', '2026-03-28T12:00:00Z', '2026-03-29T01:00:00Z', 'Europe/Berlin'],
    ['02:15-02:45', '2026-03-28T12:00:00Z', '2026-03-30T00:15:00Z', 'Europe/Berlin'],
    ['03:30-05:00', '2026-10-24T12:00:00Z', '2026-10-25T02:30:00Z', 'Europe/Berlin'],
  ])('of %s after %s is %s (%s)', (text, from, opening, zone) => {
    expect(new Date(nextOpening(window(text), at(from), zone)).toISOString()).toBe(new Date(opening).toISOString())
  })
})
