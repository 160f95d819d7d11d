import { z } from 'zod'

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const MINUTE = 60_000
const DAY = 24 * 60
const WEEK = 7 * DAY
/** A clock that is set twice a year needs a second look, not more. */
const MOST_LOOKS = 10

/** When updates may be deployed; `null`: always. */
export const UpdateWindow = z.string().transform((text, context): UpdateWindow => {
  if (text.trim().toLowerCase() === 'always') return null
  const spans = text.split(',').map(parseSpans)
  if (spans.every((some) => some !== null)) return { spans: spans.flat() }
  context.addIssue('times such as 02:00-05:00, or days and times such as Mon-Fri 02:00-05:00, Sun 01:00-07:00, or always')
  return z.NEVER
})
/** In minutes since Monday, 00:00; one that passes the end of the week ends after it. */
export type UpdateWindow = { spans: { from: number; to: number }[] } | null

/** Whether a moment lies in a window. @param zone The zone that its times are meant in. */
export function isOpen(window: UpdateWindow, at: number, zone: string): boolean {
  if (window === null) return true
  const minute = minuteOfWeek(at, zone)
  return window.spans.some(({ from, to }) => (minute >= from && minute < to) || (minute + WEEK >= from && minute + WEEK < to))
}

/** The first moment from `at` on at which a window is open. */
export function nextOpening(window: UpdateWindow, at: number, zone: string): number {
  if (window === null) return at
  let moment = at
  for (let looks = 0; !isOpen(window, moment, zone) && looks < MOST_LOOKS; looks++) {
    const minute = minuteOfWeek(moment, zone)
    const left = Math.min(...window.spans.map(({ from }) => (from - minute + WEEK) % WEEK || WEEK))
    moment = Math.floor(moment / MINUTE) * MINUTE + left * MINUTE
    // Where the clock was put forward meanwhile it has been open for a while.
    while (moment - MINUTE > at && isOpen(window, moment - MINUTE, zone)) moment -= MINUTE
  }
  return moment
}

/** `02:00-05:00` or `Mon-Fri 02:00-05:00`; `null` for anything else. */
function parseSpans(text: string): { from: number; to: number }[] | null {
  const parts = /^(?:([a-z]{3})(?:-([a-z]{3}))? )?(\d\d?):(\d\d)-(\d\d?):(\d\d)$/.exec(text.trim().toLowerCase().replaceAll(/\s+/g, ' '))
  if (!parts) return null
  const [, first, last, ...times] = parts
  const [fromHour, fromMinute, toHour, toMinute] = times.map(Number) as [number, number, number, number]
  const from = fromHour * 60 + fromMinute
  const to = toHour * 60 + toMinute
  if (fromMinute > 59 || toMinute > 59 || from >= DAY || to > DAY || from === to) return null
  const days = parseDays(first, last)
  return days && days.map((day) => ({ from: day * DAY + from, to: day * DAY + (to > from ? to : to + DAY) }))
}

function parseDays(first: string | undefined, last: string | undefined): number[] | null {
  if (first === undefined) return DAYS.map((_, day) => day)
  const from = DAYS.indexOf(first)
  const to = last === undefined ? from : DAYS.indexOf(last)
  if (from < 0 || to < 0) return null
  return Array.from({ length: ((to - from + 7) % 7) + 1 }, (_, index) => (from + index) % 7)
}

function minuteOfWeek(at: number, zone: string): number {
  const options = { timeZone: zone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
  const parts = new Intl.DateTimeFormat('en-US', options).formatToParts(at)
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((one) => one.type === type)?.value ?? ''
  return DAYS.indexOf(part('weekday').toLowerCase()) * DAY + Number(part('hour')) * 60 + Number(part('minute'))
}
