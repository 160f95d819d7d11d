/** Something that happened in a job, on its way to Redis. */
export interface StreamEntry {
  event: string
  data: Record<string, unknown>
}

/** What of a job's stream waits to be sent: never more than some 2 MB, and every entry that is not a line of output. */
export interface StreamBacklog {
  add(entry: StreamEntry): void
  isEmpty(): boolean
  /** Gives out what waits, in its order, and forgets it. */
  take(): StreamEntry[]
}

/** So much is kept of the beginning and of the end of what waits: lines, and characters in them. */
const MOST = { lines: 500, characters: 500_000 }

/** Lines that do not fit are left out of the middle, with a line in their place that says how many. */
export function createStreamBacklog(): StreamBacklog {
  let first: StreamEntry[] = []
  let last: StreamEntry[] = []
  let [firstSize, lastSize, leftOut] = [0, 0, 0]

  /** Makes room for the newest at the cost of the oldest behind the beginning. */
  function shrink(): void {
    while (last.length > MOST.lines || lastSize > MOST.characters) {
      const oldest = last.shift()
      if (!oldest) return
      lastSize -= sizeOf(oldest)
      if (oldest.event === 'log') leftOut++
      else first.push(oldest)
    }
  }

  return {
    add(entry) {
      const size = sizeOf(entry)
      if (leftOut === 0 && last.length === 0 && first.length < MOST.lines && firstSize + size <= MOST.characters) {
        first.push(entry)
        firstSize += size
        return
      }
      last.push(entry)
      lastSize += size
      shrink()
    },
    isEmpty: () => first.length + last.length + leftOut === 0,
    take() {
      const step = [...last, ...first].find(({ event }) => event === 'log')?.data['step']
      const note = { event: 'log', data: { step, line: `… ${leftOut} lines left out: they came faster than they could be passed on …` } }
      const taken = leftOut === 0 ? [...first, ...last] : [...first, note, ...last]
      first = []
      last = []
      firstSize = lastSize = leftOut = 0
      return taken
    },
  }
}

function sizeOf({ data }: StreamEntry): number {
  return typeof data['line'] === 'string' ? data['line'].length : 0
}
