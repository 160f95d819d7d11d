import type { Change, Job } from '@deployer/shared/job'
import { formatDuration, indent, shortDigest } from './format.ts'
import { formatPlan } from './format-plan.ts'

/** What a job that ended well has done. */
const DONE: Record<Job['action'], string> = { deploy: 'deployed', rollback: 'rolled back', plan: 'planned', check: 'checked' }

/** A job's outcome in a line. */
export function formatOutcome(job: Job): string {
  const where = `${job.stack} on ${job.host}`
  if (job.ok === null) return `… ${where}: ${job.state}`
  if (!job.ok) return `✗ ${where}: ${job.code ?? job.state}: ${job.message ?? ''}`
  if (job.action === 'plan' || job.action === 'check') return `✓ ${where}: ${DONE[job.action]}`
  const changed = job.changes.map(({ service }) => service).join(', ')
  const release = job.release === null ? '' : `, release ${job.release} runs`
  return `✓ ${where}: ${DONE[job.action]}${changed ? ` (${changed} changed)` : ', nothing had changed'}${release}`
}

/** What was broken before the job and still is, in a line; none where nothing is. */
export function formatDegraded({ degraded }: Pick<Job, 'degraded'>): string[] {
  return degraded.length > 0 ? [`degraded, as before: ${degraded.join(', ')}`] : []
}

/** A whole job, for reading. */
export function formatJob(job: Job): string {
  const lines = [
    `job ${job.job_id}, queued ${job.queued_at}${job.finished_at ? `, finished ${job.finished_at}` : ''}`,
    `asked by ${job.by} (${job.source})`,
    ...Object.entries(job.expect).map(([service, digest]) => `expects ${service} ${shortDigest(digest)}`),
  ]
  for (const { name, ok, duration_ms, tail } of job.steps) {
    lines.push(`${ok ? '✓' : '✗'} ${name}  ${formatDuration(duration_ms)}`)
    if (!ok) lines.push(...indent(tail))
  }
  lines.push(
    ...job.changes.map(formatChange),
    ...job.taken_back.map((change) => `taken back: ${formatChange(change)}`),
    ...formatDegraded(job),
    ...(job.plan ? formatPlan(job).map(({ text }) => text) : []),
  )
  return [formatOutcome(job), ...lines.map((line) => `  ${line}`)].join('\n')
}

/** By digest, or by the image's id where an image has none. */
function formatChange({ service, image, why, from, to, from_digest, to_digest }: Change): string {
  const before = from === null ? 'new' : shortDigest(from_digest ?? from)
  const after = to === null ? 'removed' : shortDigest(to_digest ?? to)
  return `${service}${why === null ? '' : ` (${why})`}: ${image} ${before}${before === after ? '' : ` → ${after}`}`
}
