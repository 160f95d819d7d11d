import { html } from 'hono/html'
import type { Html, View } from '../view.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** When something was or will be, as people say it; exactly where the pointer rests, and for machines. */
export function time(view: View, at: string | number | null): Html {
  const then = typeof at === 'number' ? at : Date.parse(at ?? '')
  if (Number.isNaN(then)) return html`<span>${view.words.time.unknown}</span>`
  const iso = new Date(then).toISOString()
  return html`<time datetime="${iso}" title="${iso.slice(0, 19).replace('T', ' ')} UTC">${relative(view, then)}</time>`
}

function relative({ words, now }: View, then: number): string {
  const past = now - then
  const away = Math.abs(past)
  const { time } = words
  if (past < 0) {
    if (away < MINUTE) return time.soon
    if (away < HOUR) return time.inMinutes(Math.round(away / MINUTE))
    return away < 2 * DAY ? time.inHours(Math.round(away / HOUR)) : time.inDays(Math.round(away / DAY))
  }
  if (away < MINUTE) return time.now
  if (away < HOUR) return time.minutes(Math.floor(away / MINUTE))
  return away < 2 * DAY ? time.hours(Math.floor(away / HOUR)) : time.days(Math.floor(away / DAY))
}

/** How long something took: `840 ms`, `12 s`, `3 min 5 s`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds} ms`
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 60) return `${seconds} s`
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
