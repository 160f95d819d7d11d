import { html } from 'hono/html'
import type { Change, Job, Step } from '@deployer/shared/job'
import { hasEnded } from '../jobs/to-job.ts'
import { layout } from './layout.ts'
import { asker } from './parts/asker.ts'
import { badge } from './parts/badge.ts'
import { button } from './parts/form.ts'
import { icon } from './parts/icon.ts'
import { digest, versionOf } from './parts/image.ts'
import { action, stackLink } from './parts/link.ts'
import { isRefusal, outcome } from './parts/outcome.ts'
import { planTable } from './parts/plan-table.ts'
import { duration, time } from './parts/time.ts'
import { pageAt, stackAt, type Html, type View } from './view.ts'

/** The third screen: one job. @param online Whether a worker of its host lives. */
export function jobPage(view: View, job: Job, online: boolean): Html {
  const { words } = view
  const { job_id, stack, host, to, plan } = job
  const what = words.action[job.action]
  const content = html`<header class="title">
      <h1>
        ${what} ${words.job.of} ${stackLink(view, job)} <span class="on">${words.stack.on} <bdi>${host}</bdi></span>
      </h1>
      <div id="live-actions" data-live class="actions">${actions(view, job)}</div>
    </header>
    <div id="live-outcome" data-live role="status">${ending(view, job, online)}</div>
    <div id="live-facts" data-live>${facts(view, job)}</div>
    ${plan === null && job.action !== 'plan' ? '' : html`<div id="live-plan" data-live>${plan === null ? '' : planTable(view, job)}</div>`}
    <section aria-labelledby="steps">
      <h2 id="steps">${words.job.steps}</h2>
      <div id="live-steps" data-live>${steps(view, job)}</div>
    </section>
    ${
      job.action === 'plan' || job.action === 'check'
        ? ''
        : html`<section aria-labelledby="changes">
            <h2 id="changes">${words.job.changes}</h2>
            <div id="live-changes" data-live>${changes(view, job)}</div>
          </section>`
    }
    <section aria-labelledby="log-title" class="log">
      <h2 id="log-title">${words.job.log}</h2>
      <pre
        id="log"
        tabindex="0"
        role="log"
        aria-labelledby="log-title"
        dir="auto"
        data-gap="${words.job.logGap}"
        data-waits="${hasEnded(job) ? words.job.logEmpty : words.job.logWaits}"
      ></pre>
    </section>`
  const title = `${what} ${stack}@${host}${to === null ? '' : ` → ${to}`}`
  return layout(view, { title, news: pageAt(view, 'jobs', job_id, 'events'), content })
}

function actions(view: View, job: Job): Html {
  const { words } = view
  const { job_id, stack, state, action: does } = job
  if (!hasEnded(job)) return html`${action(pageAt(view, 'jobs', job_id, 'cancel'), words.do.cancel, stack, 'danger')}`
  if (does === 'plan' && state === 'succeeded' && job.refusal === null) {
    return html`${action(stackAt(view, job, 'deploy'), words.do.deploy, stack, 'primary')}${button(view, stackAt(view, job, 'plan'), words.job.again, stack)}`
  }
  return html`${action(pageAt(view, 'jobs', job_id, 'retry'), words.do.retry, stack, state === 'failed' ? 'primary' : '')}`
}

/** How it ended, and why; or what it waits for. */
function ending(view: View, job: Job, online: boolean): Html {
  const { words } = view
  const { state, code, message, degraded, refusal, host } = job
  const waits = state === 'queued' ? html`<p>${online ? words.job.waits : words.job.waitsAway(host)}</p>` : ''
  const failed = state === 'failed' || (state === 'canceled' && message !== null)
  return html`<p class="badges big">${outcome(view, job)}</p>
    ${waits}
    ${
      failed
        ? html`<section class="notice ${isRefusal(code) || job.rolled_back || state === 'canceled' ? 'warn' : 'bad'}" aria-labelledby="why">
            ${icon(job.rolled_back ? 'back' : isRefusal(code) ? 'off' : 'bad')}
            <div>
              <h2 id="why">${reason(view, job)}</h2>
              ${message === null ? '' : html`<p dir="auto" lang="en" class="message">${message}</p>`}
              <p><strong>${consequence(view, job)}</strong></p>
              ${lastLines(view, job)}
            </div>
          </section>`
        : ''
    }
    ${
      refusal === null
        ? ''
        : html`<div class="notice warn">
            ${icon('warn')}
            <div>
              <h2>${words.job.plannedRefusal}: ${words.codes[refusal.code]}</h2>
              <p dir="auto" lang="en">${refusal.message}</p>
            </div>
          </div>`
    }
    ${degraded.length > 0 ? html`<p class="notice warn">${icon('warn')}<bdi>${words.job.degraded(degraded.join(', '))}</bdi></p>` : ''}`
}

function reason({ words }: View, { state, code }: Job): string {
  if (state === 'canceled') return words.state.canceled
  return `${isRefusal(code) ? words.job.refusal : words.job.why}${code === null ? '' : `: ${words.codes[code]}`}`
}

/** What runs after a job that did not succeed. */
function consequence({ words }: View, { code, rolled_back, changes, steps }: Job): string {
  if (rolled_back) return words.job.back
  if (code === 'rollback_failed') return words.job.notBack
  const hasBegun = steps.some(({ name }) => name === 'up' || name === 'rollback')
  return hasBegun && changes.length > 0 ? words.job.unknownChange : words.job.nothingChanged
}

/** What the step that failed said last: of a service that did not get well these are its own last lines. */
function lastLines({ words }: View, { steps }: Job): Html | string {
  const failed = steps.find(({ ok, name }) => !ok && name !== 'rollback')
  if (!failed || failed.tail === '') return ''
  return html`<p class="small">${failed.name}: ${words.job.said}</p>
    <pre dir="auto" tabindex="0" aria-label="${failed.name}: ${words.job.said}">${failed.tail}</pre>`
}

function facts(view: View, job: Job): Html {
  const { words } = view
  const { queued_at, started_at, finished_at, release, to, expect } = job
  const fact = (name: string, value: Html | string) =>
    html`<div>
      <dt>${name}</dt>
      <dd>${value}</dd>
    </div>`
  return html`<dl class="facts">
    ${fact(words.askedBy, asker(view, job))} ${fact(words.job.queued, time(view, queued_at))}
    ${started_at === null ? '' : fact(words.job.started, time(view, started_at))}
    ${finished_at === null ? '' : fact(words.job.finished, time(view, finished_at))}
    ${started_at === null || finished_at === null ? '' : fact(words.job.took, duration(Math.max(0, Date.parse(finished_at) - Date.parse(started_at))))}
    ${to === null ? '' : fact(words.job.to, words.job.releaseNumber(to))}
    ${release === null ? '' : fact(words.job.release, words.job.releaseNumber(release))}
    ${Object.entries(expect).map(([service, value]) => fact(`${words.job.expected}: ${service}`, digest(value)))}
  </dl>`
}

function steps(view: View, job: Job): Html {
  const { words } = view
  const { steps, state } = job
  const goes =
    state === 'running' ? html`<li class="step running"><p class="head">${badge('info', 'run', words.state.running)}</p></li>` : ''
  if (steps.length === 0 && goes === '') return html`<p class="none">${hasEnded(job) ? words.job.neverBegun : words.job.noSteps}</p>`
  return html`<ol class="steps">
    ${steps.map((step) => stepItem(view, step))}${goes}
  </ol>`
}

function stepItem({ words }: View, { name, ok, exit_code, duration_ms, tail }: Step): Html {
  return html`<li class="step ${ok ? 'ok' : 'bad'}">
    <details id="step-${name}">
      <summary>
        ${ok ? badge('ok', 'ok', words.state.succeeded) : badge('bad', 'bad', words.state.failed)}<span class="name">${name}</span>
        <span class="small">${duration(duration_ms)}${ok || exit_code === null ? '' : ` · ${words.job.exit(exit_code)}`}</span>
      </summary>
      ${tail === '' ? html`<p class="none">${words.job.silent}</p>` : html`<pre dir="auto" tabindex="0" aria-label="${name}: ${words.job.said}">${tail}</pre>`}
    </details>
  </li>`
}

/** What was made anew, and what a deploy that was rolled back had tried. */
function changes(view: View, { changes, taken_back }: Job): Html {
  const { words } = view
  const tried =
    taken_back.length === 0
      ? ''
      : html`<h3>${words.job.takenBack}</h3>
          ${changesTable(view, taken_back)}`
  if (changes.length > 0) return html`${changesTable(view, changes)}${tried}`
  return taken_back.length > 0 ? html`${tried}` : html`<p class="none">${words.job.noChanges}</p>`
}

function changesTable({ words }: View, changes: Change[]): Html {
  const { columns, reasons } = words.job
  const what = ({ from, to }: Change) => (to === null ? words.job.removed : from === null ? words.job.created : words.job.replaced)
  return html`<table class="changes">
    <thead>
      <tr>
        <th scope="col">${columns.service}</th>
        <th scope="col">${columns.what}</th>
        <th scope="col">${columns.from}</th>
        <th scope="col">${columns.to}</th>
        <th scope="col">${columns.why}</th>
      </tr>
    </thead>
    <tbody>
      ${changes.map(
        (change) =>
          html`<tr class="${change.to === null ? 'remove' : ''}">
            <th scope="row"><bdi>${change.service}</bdi></th>
            <td>${what(change)}</td>
            <td data-label="${columns.from}">
              ${digest(change.from_digest ?? change.from)} <bdi class="small image">${change.from_version ?? ''}</bdi>
            </td>
            <td data-label="${columns.to}">
              ${digest(change.to_digest ?? change.to)}
              <bdi class="small image">${change.image === '' ? '' : versionOf({ ...change, version: change.to_version })}</bdi>
            </td>
            <td>${change.why === null ? '' : reasons[change.why]}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
}
