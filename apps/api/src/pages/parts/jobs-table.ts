import { html } from 'hono/html'
import type { JobSummary } from '../data/recent-jobs.ts'
import type { Html, View } from '../view.ts'
import { asker } from './asker.ts'
import { jobAt } from './link.ts'
import { outcome } from './outcome.ts'
import { duration, time } from './time.ts'

/** Jobs of one stack, the newest first. */
export function jobsTable(view: View, jobs: JobSummary[]): Html {
  const { words } = view
  const { jobColumns } = words.stack
  return html`<table class="jobs">
    <thead>
      <tr>
        <th scope="col">${jobColumns.job}</th>
        <th scope="col">${jobColumns.outcome}</th>
        <th scope="col">${jobColumns.when}</th>
        <th scope="col">${jobColumns.by}</th>
      </tr>
    </thead>
    <tbody>
      ${jobs.map(
        (job) =>
          html`<tr>
            <th scope="row">
              <a href="${jobAt(view, job.job_id)}">${words.action[job.action]}${job.to === null ? '' : ` → ${job.to}`}</a>
            </th>
            <td>${outcome(view, job)}</td>
            <td>${time(view, job.queued_at)}${took(job)}</td>
            <td>${asker(view, job)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
}

function took({ started_at, finished_at }: JobSummary): Html | string {
  if (started_at === null || finished_at === null) return ''
  return html` <span class="small">· ${duration(Math.max(0, Date.parse(finished_at) - Date.parse(started_at)))}</span>`
}
