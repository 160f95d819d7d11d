import { CronExpressionParser } from 'cron-parser'
import { z } from 'zod'
import { parseDuration } from './duration.ts'

/** The shortest time between two checks, in milliseconds. */
const SHORTEST = 5 * 60_000

/** When a stack's images are checked: again and again, at certain times, or only when somebody asks. */
export const Every = z.string().transform((text, context): Every => {
  const milliseconds = parseDuration(text)
  if (milliseconds === 0) return { kind: 'asked' }
  if (milliseconds !== null && milliseconds >= SHORTEST) return { kind: 'interval', milliseconds }
  const line = text.trim().split(/\s+/).join(' ')
  if (milliseconds === null && isCron(line)) return { kind: 'cron', line }
  context.addIssue('a duration of 5 minutes or more such as 6h, a cron line of five fields, or 0')
  return z.NEVER
})
export type Every = { kind: 'asked' } | { kind: 'interval'; milliseconds: number } | { kind: 'cron'; line: string }

function isCron(line: string): boolean {
  if (line.split(' ').length !== 5) return false
  try {
    // One that never comes (30 February) throws too.
    CronExpressionParser.parse(line, { tz: 'UTC' }).next()
    return true
  } catch {
    return false
  }
}
