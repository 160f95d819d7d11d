import type { Message } from './message.ts'

/** A message cut to what a service takes. */
export interface Layout {
  /** What happened, why, and what to do. */
  text: string
  /** The last lines of what failed: its end, where it was too long. */
  tail: string
}

const ELLIPSIS = '…'

/** How much of a service's limit a text takes. */
export type Measure = (text: string) => number

/** Characters, as most services count them. */
export const characters: Measure = (text) => text.length
/** Bytes in UTF-8. */
export const bytes: Measure = (text) => Buffer.byteLength(text)

/**
 * Makes a message fit: what happened comes first, and the tail gets the room that is left.
 *
 * @param room What title, link and the marks around the tail have left of the limit.
 * @param measure Also counts what a service's escapes add.
 */
export function fit({ lines, todo, tail }: Message, room: number, measure: Measure = characters): Layout {
  const text = cutEnd([...lines, todo].filter(Boolean).join('\n'), room, measure)
  const left = room - measure(text) - 1
  return { text, tail: left < 40 ? '' : cutStart(tail.trim(), left, measure) }
}

/** The message as plain text, for services without marks of their own. */
export function plainText(message: Message, limit: number, measure: Measure = characters): string {
  const link = message.link === null ? '' : `\n\n${message.link}`
  const { text, tail } = fit(message, limit - measure(link) - 2, measure)
  return `${text}${tail && `\n\n${tail}`}${link}`
}

/** A text up to where there is no more room. */
export function cutEnd(text: string, room: number, measure: Measure = characters): string {
  if (measure(text) <= room) return text
  const points = Array.from(text)
  const kept = longest(points.length, (count) => measure(points.slice(0, count).join('') + ELLIPSIS) <= room)
  return points.slice(0, kept).join('') + ELLIPSIS
}

function cutStart(text: string, room: number, measure: Measure): string {
  if (measure(text) <= room) return text
  const points = Array.from(text)
  const kept = longest(points.length, (count) => measure(ELLIPSIS + points.slice(points.length - count).join('')) <= room)
  return ELLIPSIS + points.slice(points.length - kept).join('')
}

/** The largest number up to a most for which something holds that holds for all smaller ones. */
function longest(most: number, holds: (count: number) => boolean): number {
  let low = 0
  let high = most
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (holds(middle)) low = middle
    else high = middle - 1
  }
  return low
}
