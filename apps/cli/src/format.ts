import type { Job } from '@deployer/shared/job'

/** `850 ms`, `12.3 s` or `4 min 5 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds} ms`
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`
  return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`
}

/** Rows under their headings, in columns. */
export function formatTable(headings: string[], rows: string[][]): string {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (row: string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [headings, ...rows].map(line).join('\n')
}

/** A job's outcome in a line. */
export function formatOutcome(job: Job): string {
  if (job.ok) {
    const changed = job.changes.map(({ service }) => service).join(', ')
    return `✓ ${job.stack} on ${job.host}: ${job.action === 'rollback' ? 'rolled back' : 'deployed'}${changed ? ` (${changed} changed)` : ', nothing had changed'}`
  }
  if (job.ok === null) return `… ${job.stack} on ${job.host}: ${job.state}`
  return `✗ ${job.stack} on ${job.host}: ${job.code ?? job.state}: ${job.message ?? ''}`
}

/** A whole job, for reading. */
export function formatJob(job: Job): string {
  const lines = [
    formatOutcome(job),
    `  job ${job.job_id}, queued ${job.queued_at}${job.finished_at ? `, finished ${job.finished_at}` : ''}`,
  ]
  for (const { name, ok, duration_ms, tail } of job.steps) {
    lines.push(`  ${ok ? '✓' : '✗'} ${name}  ${formatDuration(duration_ms)}`)
    if (!ok) lines.push(...indent(tail))
  }
  for (const { service, image, from, to } of job.changes) {
    lines.push(`  ${service}: ${image} ${from?.slice(7, 19) ?? 'new'} → ${to.slice(7, 19)}`)
  }
  return lines.join('\n')
}

/** The tail of a step, set in. */
export function indent(tail: string): string[] {
  return tail
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}`)
}
