import { html } from 'hono/html'
import type { JobSummary } from '../data/recent-jobs.ts'
import type { StackRow } from '../data/stack-rows.ts'
import type { Html, View } from '../view.ts'
import { healthBadge } from './health.ts'
import { icon, type IconName } from './icon.ts'
import { jobAt, stackLink } from './link.ts'
import { outcome } from './outcome.ts'
import { time } from './time.ts'
import { badgeStates, isWaiting, updateBadge } from './update-badge.ts'

/** So many are named; of more there is the number. */
const NAMED = 5

/** What an operator wants to know first: what is down, what waits for an update, what failed, what is happening. */
export function answers(view: View, rows: StackRow[]): Html {
  const { stacks, action } = view.words
  const troubled = rows.filter(({ health }) => health === 'down' || health === 'degraded').sort((a, b) => (a.health > b.health ? -1 : 1))
  const waiting = rows.filter(({ updates }) => updates.some(isWaiting))
  const newestFirst = (a: JobSummary, b: JobSummary) => (a.job_id < b.job_id ? 1 : -1)
  const failed = rows.flatMap(({ jobs }) => jobs.failed).sort(newestFirst)
  const open = rows.flatMap(({ jobs }) => jobs.open).sort(newestFirst)
  const jobItem = (job: JobSummary, at: string | null) =>
    html`<a href="${jobAt(view, job.job_id)}">${action[job.action]} <bdi>${job.stack}</bdi></a> ${outcome(view, job)} ${time(view, at)}`
  return html`<div class="answers">
    ${answer(view, 'bad', 'warn', stacks.troubled, stacks.noTrouble, troubled, (row) => html`${stackLink(view, row)} ${healthBadge(view, row.health, row.broken)}${row.broken.length > 0 ? html` <bdi class="small">${row.broken.join(', ')}</bdi>` : ''}`)}
    ${answer(
      view,
      'info',
      'up',
      stacks.waiting,
      stacks.noWaiting,
      waiting,
      (row) =>
        html`${stackLink(view, row)}
        ${badgeStates(row.updates.filter(isWaiting))
          .slice(0, 1)
          .map((state) => updateBadge(view, state))}`,
    )}
    ${answer(view, 'bad', 'bad', stacks.failed, stacks.noFailed, failed, (job) => jobItem(job, job.finished_at))}
    ${answer(view, 'info', 'run', stacks.happening, stacks.noHappening, open, (job) => jobItem(job, job.started_at ?? job.queued_at))}
  </div>`
}

function answer<T>(
  { words }: View,
  tone: 'bad' | 'info',
  name: IconName,
  title: string,
  none: string,
  found: T[],
  item: (one: T) => Html,
): Html {
  const isEmpty = found.length === 0
  return html`<section class="answer ${isEmpty ? 'ok' : tone}">
    <h2>${icon(isEmpty ? 'ok' : name)}${title} <span class="number">${found.length}</span></h2>
    ${
      isEmpty
        ? html`<p>${none}</p>`
        : html`<ul>
            ${found.slice(0, NAMED).map((one) => html`<li>${item(one)}</li>`)}
          </ul>`
    }
    ${found.length > NAMED ? html`<p>${words.stacks.more(found.length - NAMED)}</p>` : ''}
  </section>`
}
