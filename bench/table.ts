import type { Growth } from './growth.ts'
import type { Measurement } from './measure.ts'

/** Measurements as a Markdown table, readable as it is. */
export function formatMeasurements(measurements: Measurement[]): string {
  const rows = measurements.map(({ what, value, unit, baseline, ratio, spread, goal, met, note }) => [
    what,
    `${round(value)} ${unit}`,
    baseline === null ? '–' : `${round(baseline)} ${unit}`,
    ratio === null ? '–' : ratio.toFixed(2),
    spread === null ? '–' : spread.map((one) => (ratio === null ? round(one) : one.toFixed(2))).join(' to '),
    goal,
    met ? 'yes' : 'NO',
    note,
  ])
  return formatTable(['what', 'Deployer', 'baseline', 'ratio', 'spread', 'goal', 'met', 'note'], rows)
}

/** How cost grows, as two Markdown tables. */
export function formatGrowth({ stacks, apis }: Growth): string {
  const byStacks = stacks.map((point) => [
    String(point.stacks),
    String(point.running),
    round(point.deploysPerSecond),
    `${round(point.memory)} MB`,
    `${round(point.redisMemory)} MB`,
    `${round(point.processorAtRest)} %`,
    formatShares(point.shares),
  ])
  const byApis = apis.map((point) => [
    String(point.processes),
    round(point.requestsPerSecond),
    `${round(point.p99)} ms`,
    formatShares(point.shares),
  ])
  return [
    formatTable(
      ['stacks', 'of them running', 'deploys/s', 'memory', 'of Redis', 'processor at rest', 'where the processor went'],
      byStacks,
    ),
    formatTable(['API processes', 'requests/s', 'p99', 'where the processor went'], byApis),
  ].join('\n\n')
}

/** Shares of all cores, the largest first. */
function formatShares(shares: Record<string, number>): string {
  return Object.entries(shares)
    .sort(([, a], [, b]) => b - a)
    .map(([name, share]) => `${name} ${Math.round(100 * share)} %`)
    .join(', ')
}

function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

function formatTable(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
