import { REDACTED, type Redact } from '@deployer/shared/redact'

/** Characters of output that a step keeps. */
const TAIL_LENGTH = 4096

/** The end of a step's output. */
export interface Tail {
  add(line: string): void
  text(redact: Redact): string
}

/** Collects lines and forgets all but the last of them; what is given out holds at most 4,096 characters. */
export function createTail(): Tail {
  let kept: string[] = []
  let size = 0
  return {
    add(line) {
      kept.push(line)
      size += line.length + 1
      if (size < 8 * TAIL_LENGTH) return
      while (size > 4 * TAIL_LENGTH && kept.length > 1) size -= (kept.shift()?.length ?? 0) + 1
    },
    text(redact) {
      const text = kept.length === 0 ? '' : redact(`${kept.join('\n')}\n`)
      if (text.length <= TAIL_LENGTH) return text
      const cut = text.slice(-TAIL_LENGTH)
      return cut.startsWith(REDACTED) ? cut : cut.replace(/^[^\n]{0,200}\n/, '')
    },
  }
}
