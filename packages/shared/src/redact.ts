/** What stands where a secret was. */
export const REDACTED = '***'

/** Strikes values out of a text. */
export type Redact = (text: string) => string

/**
 * Makes a function that strikes the given values out of a text, the longest first, so that a value which
 * contains another is struck out whole. A value of several lines is struck out line by line, since output is read by lines.
 *
 * @param secrets Values that must not be seen. Empty ones are ignored.
 */
export function createRedact(secrets: Iterable<string>): Redact {
  const values = new Set<string>()
  for (const secret of secrets) {
    for (const line of secret.split(/\r?\n/)) if (line.trim()) values.add(line)
  }
  if (values.size === 0) return (text) => text
  const escaped = [...values].sort((a, b) => b.length - a.length).map((value) => RegExp.escape(value))
  const pattern = new RegExp(escaped.join('|'), 'g')
  return (text) => text.replace(pattern, REDACTED)
}
