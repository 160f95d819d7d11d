import { printable } from './printable.ts'

/** What stands where a secret was. */
export const REDACTED = '***'

/** Strikes values out of a text. */
export type Redact = (text: string) => string

/** Spellings of a value that are shorter than this stand in too much else. */
const SHORTEST_SPELLING = 3
/** A value like this may be a word that others use as well: it is struck out where it stands alone, and never inside of another word. */
const MAY_BE_A_WORD = /^(?:\p{L}{1,12}|.{1,5})$/u
const IN_WORD = String.raw`[\p{L}\p{N}]`

/**
 * Makes a function that strikes the given values out of a text, the longest first, so that a value which
 * contains another is struck out whole. A value of several lines is struck out line by line, since output is read by lines; and
 * each also in the spellings that it has in output: without its terminal escapes, quoted, in a URL.
 *
 * @param secrets Values that must not be seen. Empty ones are ignored.
 */
export function createRedact(secrets: Iterable<string>): Redact {
  const values = new Set<string>()
  for (const secret of secrets) for (const line of linesOf(secret)) for (const spelling of spellings(line)) values.add(spelling)
  if (values.size === 0) return (text) => text
  const patterns = [...values].sort((a, b) => b.length - a.length).map(patternOf)
  const pattern = new RegExp(patterns.join('|'), 'gu')
  return (text) => text.replace(pattern, REDACTED)
}

/** Of a value of several lines, those that say something: a brace alone is no secret. */
function linesOf(secret: string): string[] {
  const lines = secret.split(/[\r\n]+/).filter((line) => line.trim())
  return lines.length === 1 ? lines : lines.filter((line) => line.trim().length > SHORTEST_SPELLING && /[\p{L}\p{N}]/u.test(line))
}

function spellings(line: string): string[] {
  const others = [line.trim(), printable(line), JSON.stringify(line).slice(1, -1), encodeURIComponent(line.toWellFormed())]
  return [line, ...others.filter((other) => other.trim().length >= SHORTEST_SPELLING)]
}

function patternOf(value: string): string {
  const escaped = RegExp.escape(value)
  return MAY_BE_A_WORD.test(value) ? `(?<!${IN_WORD})${escaped}(?!${IN_WORD})` : escaped
}
