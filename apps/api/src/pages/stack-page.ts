import { html } from 'hono/html'
import type { ReleaseSummary } from '@deployer/shared/releases'
import type { Hold, Update } from '@deployer/shared/updates'
import type { HostedStack } from '../inventory-cache.ts'
import type { Watched } from '../read-watched.ts'
import type { JobSummary } from './data/recent-jobs.ts'
import { layout } from './layout.ts'
import { caller } from './parts/asker.ts'
import { awayNotice } from './parts/away-notice.ts'
import { badge } from './parts/badge.ts'
import { differences } from './parts/differences.ts'
import { driftBadge, driftNotice } from './parts/drift.ts'
import { button } from './parts/form.ts'
import { healthBadge, healthOf } from './parts/health.ts'
import { icon } from './parts/icon.ts'
import { digest, versionOf } from './parts/image.ts'
import { jobsTable } from './parts/jobs-table.ts'
import { action, jobAt } from './parts/link.ts'
import { time } from './parts/time.ts'
import { isWaiting, updateBadge } from './parts/update-badge.ts'
import { pageAt, stackAt, type Html, type View } from './view.ts'

/** What is known of one stack. */
export interface KnownStack {
  stack: HostedStack
  /** When its host was heard of last. */
  lastSeen: number | null
  watched: Watched
  releases: ReleaseSummary[]
  jobs: JobSummary[]
}

/** The second screen: one stack. */
export function stackPage(view: View, known: KnownStack): Html {
  const { words } = view
  const { stack, watched, releases, jobs } = known
  const { hold } = watched
  const place = { host: stack.host, stack: stack.name }
  const health = healthOf(stack, releases.length > 0)
  const current = releases.find((release) => release.current) ?? null
  const content = html`<header class="title">
      <h1>
        <bdi>${stack.name}</bdi> <span class="on">${words.stack.on} <bdi>${stack.host}</bdi></span>
      </h1>
      <div class="actions">
        ${action(stackAt(view, place, 'deploy'), words.do.deploy, stack.name, 'primary')}
        ${button(view, stackAt(view, place, 'plan'), words.do.plan, stack.name)}
        ${button(view, stackAt(view, place, 'check'), words.do.check, stack.name)}
        ${hold === null ? action(stackAt(view, place, 'hold'), words.do.hold, stack.name) : ''}
      </div>
    </header>
    <div id="live-state" data-live>
      <p class="badges">
        ${healthBadge(view, health, stack.broken)} ${driftBadge(view, stack.drifted)}
        ${current === null ? '' : html`<span>${words.stack.release} ${current.number} · ${time(view, current.at)}</span>`}
      </p>
      ${stack.online ? '' : awayNotice(view, stack.host, known.lastSeen)}${hold === null ? '' : holdNotice(view, place, hold)}${driftNotice(view, stack.drifted)}
    </div>
    <section aria-labelledby="services">
      <h2 id="services">${words.stack.services}</h2>
      <div id="live-services" data-live>${services(view, known, current)}</div>
    </section>
    <section aria-labelledby="releases">
      <h2 id="releases">${words.stack.releases}</h2>
      <div id="live-releases" data-live>
        ${releases.length === 0 ? html`<p class="empty">${words.stack.noReleases}</p>` : releaseList(view, place, releases, stack.running)}
      </div>
    </section>
    <section aria-labelledby="jobs">
      <h2 id="jobs">${words.stack.jobs}</h2>
      <div id="live-jobs" data-live>${jobs.length === 0 ? html`<p class="empty">${words.stack.noJobs}</p>` : jobsTable(view, jobs)}</div>
    </section>`
  return layout(view, { title: `${stack.name}@${stack.host}`, news: pageAt(view, 'events'), content })
}

/** Why a stack is held, and until when. */
function holdNotice(view: View, place: { host: string; stack: string }, { reason, until, since, by }: Hold): Html {
  const { words } = view
  return html`<div class="notice hold">
    ${icon('hold')}
    <div>
      <p><strong dir="auto">${reason}</strong></p>
      <p>
        ${words.stack.heldSince} ${caller(view, by)}, ${time(view, since)}.
        ${until === null ? words.stack.heldForever : html`${words.stack.heldUntil} ${time(view, until)}.`} ${words.stack.heldMeaning}
      </p>
      <p>${action(stackAt(view, place, 'release-hold'), words.do.release, place.stack)}</p>
    </div>
  </div>`
}

function services(view: View, { stack, watched: { updates, checked_at } }: KnownStack, current: ReleaseSummary | null): Html {
  const { words } = view
  const { columns } = words.stack
  const names = [...new Set([...stack.services, ...Object.keys(current?.services ?? {})])].sort()
  if (names.length === 0) {
    return html`<div class="empty">
      <p>${words.stack.noServices}</p>
      <pre class="command"><code>docker compose up -d</code></pre>
    </div>`
  }
  return html`<table class="services">
      <thead>
        <tr>
          <th scope="col">${columns.service}</th>
          <th scope="col">${columns.health}</th>
          <th scope="col">${columns.runs}</th>
          <th scope="col">${columns.available}</th>
          <th scope="col">${columns.actions}</th>
        </tr>
      </thead>
      <tbody>
        ${names.map((name) =>
          serviceLine(view, stack, name, current?.services[name] ?? null, updates.find(({ service }) => service === name) ?? null),
        )}
      </tbody>
    </table>
    ${checked_at === null ? '' : html`<p class="small">${words.stack.checkedAt} ${time(view, checked_at)}.</p>`}`
}

function serviceLine(
  view: View,
  { host, name: stack, services: made, broken, stopped }: HostedStack,
  service: string,
  runs: ReleaseSummary['services'][string] | null,
  update: Update | null,
): Html {
  const { words } = view
  const image = runs?.image ?? update?.image ?? ''
  const state = broken.includes(service)
    ? badge('warn', 'warn', words.stack.broken)
    : made.includes(service) && !stopped.includes(service)
      ? badge('ok', 'ok', words.stack.running)
      : badge('quiet', 'minus', words.stack.stopped)
  const canSkip = update !== null && isWaiting(update)
  return html`<tr>
    <th scope="row"><bdi>${service}</bdi></th>
    <td>${state}</td>
    <td data-label="${words.stack.columns.runs}">
      <span class="version"><bdi>${image === '' ? '' : versionOf({ image, version: runs?.version })}</bdi></span>
      ${digest(update?.running ?? runs?.digest ?? null)}
      <bdi class="small image">${image}</bdi>
    </td>
    <td data-label="${words.stack.columns.available}">
      ${update === null ? html`<span class="none">${words.stack.newest}</span>` : available(view, update)}
    </td>
    <td>
      <div class="actions">
        ${canSkip ? action(`${stackAt(view, { host, stack }, 'skip')}?service=${encodeURIComponent(service)}`, words.do.skip, service) : ''}
      </div>
    </td>
  </tr>`
}

function available(view: View, { state, available, first_seen, eligible_at }: Update): Html {
  const { words } = view
  return html`${digest(available)} ${updateBadge(view, state)}
    <span class="small">
      ${first_seen === null ? '' : html`${words.stack.seen} ${time(view, first_seen)}`}
      ${eligible_at === null ? '' : html`· ${words.stack.eligible} ${time(view, eligible_at)}`}
    </span>`
}

function releaseList(view: View, place: { host: string; stack: string }, releases: ReleaseSummary[], isUp: boolean): Html {
  const { words } = view
  return html`<ol class="releases">
    ${releases.map((release, index) => {
      const before = releases[index + 1]
      const { number, at, by, job_id, current, verified } = release
      return html`<li>
        <div class="head">
          <h3>${words.stack.release} ${number}</h3>
          ${current ? (isUp ? badge('ok', 'ok', words.stack.current) : badge('quiet', 'minus', words.stack.last)) : ''}${verified ? '' : badge('warn', 'warn', words.stack.unverified)}
          <span class="small"
            >${job_id === null ? words.stack.captured : html`<a href="${jobAt(view, job_id)}">${by === null ? words.action.deploy : caller(view, by)}</a>`}
            · ${time(view, at)}</span
          >
        </div>
        ${before === undefined ? html`<p class="none">${words.stack.first}</p>` : differences(view, before, release, release.definition ?? [])}
        ${current ? '' : html`<div class="actions">${action(`${stackAt(view, place, 'rollback')}?to=${number}`, words.do.rollback, `${words.stack.release} ${number}`)}</div>`}
      </li>`
    })}
  </ol>`
}
