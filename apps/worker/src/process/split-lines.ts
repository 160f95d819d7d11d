import { printable } from '@deployer/shared/printable'

/** Longer lines are cut here, so that a program without line ends cannot fill the memory. */
const LONGEST_LINE = 16_384

/** Turns chunks of output into lines without terminal escapes. */
export interface LineSplitter {
  push(text: string): void
  /** Gives out a last line that had no end. */
  flush(): void
}

export function splitLines(onLine: (line: string) => void): LineSplitter {
  let rest = ''
  const give = (line: string) => onLine(printable(line).slice(0, LONGEST_LINE))
  return {
    push(text) {
      const lines = (rest + text).split(/\r?\n|\r/)
      rest = lines.pop() ?? ''
      for (const line of lines) give(line)
      if (rest.length > LONGEST_LINE) this.flush()
    },
    flush() {
      if (rest) give(rest)
      rest = ''
    },
  }
}
