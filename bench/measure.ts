/** A figure that was measured, and what it is held against. */
export interface Measurement {
  what: string
  /** Ours, in `unit`. */
  value: number
  /** The baseline's; `null` where there is none. */
  baseline: number | null
  unit: string
  /** `value / baseline`, paired where the measurement was: the median of the pairs' ratios. */
  ratio: number | null
  /** The smallest and the largest of what the median was taken of. */
  spread: [number, number] | null
  goal: string
  met: boolean
  note: string
}

/** The middle of some numbers. */
export function median(values: number[]): number {
  return percentile(values, 50)
}

/** @param percent From 0 to 100. */
export function percentile(values: number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((percent / 100) * sorted.length))] ?? Number.NaN
}

/** Milliseconds that some work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** Pairs of a measurement and its baseline, side by side in time, in an order that changes: what the machine does meets both. */
export interface Pairs {
  ours: number[]
  baseline: number[]
  ratios: number[]
}

export async function measurePairs(count: number, ours: () => Promise<number>, baseline: () => Promise<number>): Promise<Pairs> {
  const pairs: Pairs = { ours: [], baseline: [], ratios: [] }
  for (let index = 0; index < count; index++) {
    const oursFirst = index % 2 === 0
    const first = await (oursFirst ? ours() : baseline())
    const second = await (oursFirst ? baseline() : ours())
    const [own, other] = oursFirst ? [first, second] : [second, first]
    pairs.ours.push(own)
    pairs.baseline.push(other)
    pairs.ratios.push(own / other)
  }
  return pairs
}

/** Pairs as a figure. @param most The goal: the ratio is at most this. */
export function asMeasurement(what: string, unit: string, pairs: Pairs, most: number, note = ''): Measurement {
  const ratio = median(pairs.ratios)
  return {
    what,
    unit,
    value: median(pairs.ours),
    baseline: median(pairs.baseline),
    ratio,
    spread: [Math.min(...pairs.ratios), Math.max(...pairs.ratios)],
    goal: `ratio at most ${most}`,
    met: ratio <= most,
    note,
  }
}

/** A figure without a baseline. */
export function asFigure(what: string, unit: string, value: number, most: number, values: number[] = [], note = ''): Measurement {
  const spread: Measurement['spread'] = values.length > 0 ? [Math.min(...values), Math.max(...values)] : null
  return { what, unit, value, baseline: null, ratio: null, spread, goal: `at most ${most} ${unit}`, met: value <= most, note }
}
