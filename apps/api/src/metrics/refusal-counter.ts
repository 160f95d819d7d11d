/** Counts the requests that this process has turned away, by the code of the answer. */
export interface RefusalCounter {
  count(code: string): void
  all(): ReadonlyMap<string, number>
}

export function createRefusalCounter(): RefusalCounter {
  const counts = new Map<string, number>()
  return {
    count: (code) => counts.set(code, (counts.get(code) ?? 0) + 1),
    all: () => counts,
  }
}
