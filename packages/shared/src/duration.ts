import { z } from 'zod'

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
/** Longer than anybody waits. */
const MOST = 3650 * UNITS.d

/** `90s`, `30m`, `6h`, `3d`, `2w`, several of them as in `1h30m`, or `0`. @returns Milliseconds; `null` for anything else. */
export function parseDuration(text: string): number | null {
  if (text.trim() === '0') return 0
  const parts = /^\s*(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?\s*$/.exec(text)
  if (!parts || text.trim() === '') return null
  const [, w, d, h, m, s] = Array.from(parts, (part: string | undefined) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const sum = w * UNITS.w + d * UNITS.d + h * UNITS.h + m * UNITS.m + s * UNITS.s
  return sum <= MOST ? sum : null
}

/** A length of time in text, as milliseconds. */
export const Duration = z.string().transform((text, context) => {
  const milliseconds = parseDuration(text)
  if (milliseconds !== null) return milliseconds
  context.addIssue('a duration such as 90s, 30m, 6h or 3d, or 0')
  return z.NEVER
})
