/**
 * What terminals obey, by ECMA-48: strings up to their end (titles, links), control sequences (colours, the cursor), other escapes,
 * and every control character but tab and line feed. The parts cannot match the same text in two ways, so the time that a hostile
 * line takes grows with its length alone; that of Node's own stripVTControlCharacters grows with its square.
 */
const OBEYED = new RegExp(
  [
    String.raw`(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?`,
    String.raw`(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?`,
    String.raw`\x1b[ -/]*[0-~]?`,
    String.raw`[\0-\x08\x0b-\x1f\x7f-\x9f]`,
  ].join('|'),
  'g',
)

/**
 * Makes a text safe to print on a terminal: takes out escape sequences, and every other control character but tab and line feed.
 *
 * @param text What somebody else's program said.
 */
export function printable(text: string): string {
  return text.replace(OBEYED, '')
}
