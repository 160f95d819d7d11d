import { html } from 'hono/html'
import { z } from 'zod'
import type { ReleaseSummary } from '@deployer/shared/releases'
import type { StackRow } from './data/stack-rows.ts'
import { layout } from './layout.ts'
import { answers } from './parts/answers.ts'
import { asker } from './parts/asker.ts'
import { awayNotice } from './parts/away-notice.ts'
import { badge } from './parts/badge.ts'
import { driftBadge } from './parts/drift.ts'
import { healthBadge } from './parts/health.ts'
import { versionOf } from './parts/image.ts'
import { action, jobAt, stackLink } from './parts/link.ts'
import { outcome } from './parts/outcome.ts'
import { time } from './parts/time.ts'
import { badgeStates, isWaiting, updateBadge } from './parts/update-badge.ts'
import { form } from './parts/form.ts'
import { pageAt, stackAt, type Html, type View } from './view.ts'

/** What of the list is shown. What does not fit is as if it were not there. */
export const StackFilter = z.object({
  name: z.string().max(128).catch('').default(''),
  host: z.string().max(128).catch('').default(''),
  show: z.enum(['all', 'trouble', 'updates', 'drifted', 'held']).catch('all').default('all'),
  from: z.coerce.number().int().min(0).max(1_000_000).catch(0).default(0),
})
export type StackFilter = z.infer<typeof StackFilter>

/** A host, and since when nothing has been heard of it. */
interface KnownHost {
  name: string
  online: boolean
  lastSeen: number | null
}

/** Stacks on one page: a page has to stay small enough to be there at once. */
export const PAGE_SIZE = 100

const SHOWN: Record<StackFilter['show'], (row: StackRow) => boolean> = {
  all: () => true,
  trouble: ({ health }) => health === 'down' || health === 'degraded',
  updates: ({ updates }) => updates.some(isWaiting),
  drifted: ({ drifted }) => drifted.length > 0,
  held: ({ hold }) => hold !== null,
}

/** The rows that a filter leaves. */
export function filterRows(rows: StackRow[], { name, host, show }: StackFilter): StackRow[] {
  const wanted = name.toLowerCase()
  return rows.filter((row) => row.stack.toLowerCase().includes(wanted) && (host === '' || row.host === host) && SHOWN[show](row))
}

/** The first screen: every stack of every host. */
export function stacksPage(
  view: View,
  hosts: KnownHost[],
  all: StackRow[],
  filter: StackFilter,
  fitting: StackRow[],
  page: { row: StackRow; release: ReleaseSummary | null }[],
): Html {
  const { stacks } = view.words
  const content = html`<h1>${stacks.title}</h1>
    <div id="live-hosts" data-live>
      ${hosts.filter(({ online }) => !online).map(({ name, lastSeen }) => awayNotice(view, name, lastSeen))}
    </div>
    ${
      all.length === 0
        ? emptyState(view, hosts)
        : html`<div id="live-answers" data-live>${answers(view, all)}</div>
            ${filterForm(view, hosts, filter)} ${form(view, pageAt(view, 'plan'), html``, 'plan')}
            <div id="live-list" data-live>${page.length === 0 ? html`<p class="empty">${stacks.noneFits}</p>` : list(view, page)}</div>
            ${pages(view, filter, fitting.length)}`
    }`
  return layout(view, { title: stacks.title, news: pageAt(view, 'events'), content, isFirst: true })
}

function emptyState({ words: { stacks } }: View, hosts: KnownHost[]): Html {
  return html`<section class="empty">
    <h2>${stacks.empty}</h2>
    ${
      hosts.length === 0
        ? html`<p>${stacks.noHost}</p>`
        : html`<p>${stacks.emptyFirst}</p>
            <pre class="command"><code>docker compose up -d</code></pre>
            <p>${stacks.emptyThen}</p>`
    }
  </section>`
}

function filterForm(view: View, hosts: KnownHost[], filter: StackFilter): Html {
  const { stacks } = view.words
  const option = (value: string, text: string, chosen: string) =>
    html`<option value="${value}" ${value === chosen ? html` selected` : ''}>${text}</option>`
  const isSet = filter.name !== '' || filter.host !== '' || filter.show !== 'all'
  return html`<form class="filter" method="get" action="${pageAt(view)}" role="search" aria-label="${stacks.filter}">
    <label>${stacks.name}<input type="search" name="name" value="${filter.name}" dir="auto" autocomplete="off" spellcheck="false" /></label>
    ${
      hosts.length > 1
        ? html`<label
            >${stacks.host}<select name="host">
              ${option('', stacks.allHosts, filter.host)}${hosts.map(({ name }) => option(name, name, filter.host))}
            </select></label
          >`
        : ''
    }
    <label
      >${stacks.show}<select name="show">
        ${Object.entries(stacks.shows).map(([value, text]) => option(value, text, filter.show))}
      </select></label
    >
    <button>${stacks.apply}</button>
    ${isSet ? html`<a class="button" href="${pageAt(view)}">${stacks.reset}</a>` : ''}
  </form>`
}

function list(view: View, page: { row: StackRow; release: ReleaseSummary | null }[]): Html {
  const { columns } = view.words.stacks
  return html`<table class="stacks">
    <thead>
      <tr>
        <th scope="col">${columns.stack}</th>
        <th scope="col">${columns.host}</th>
        <th scope="col">${columns.health}</th>
        <th scope="col">${columns.runs}</th>
        <th scope="col">${columns.last}</th>
        <th scope="col">${columns.actions}</th>
      </tr>
    </thead>
    <tbody>
      ${page.map(({ row, release }) => line(view, row, release))}
    </tbody>
  </table>`
}

function line(view: View, row: StackRow, release: ReleaseSummary | null): Html {
  const { words } = view
  const { host, stack, health, broken, drifted, hold, updates, jobs } = row
  const { last } = jobs
  return html`<tr>
    <th scope="row">${stackLink(view, row)}</th>
    <td><bdi class="host">${host}</bdi></td>
    <td>
      <div class="badges">
        ${healthBadge(view, health, broken)}${health === 'degraded' ? html`<bdi class="small">${broken.join(', ')}</bdi>` : ''}${hold === null ? '' : badge('hold', 'hold', words.heldBadge, hold.reason)}${badgeStates(updates).map((state) => updateBadge(view, state))}${driftBadge(view, drifted)}
      </div>
    </td>
    <td data-label="${words.stacks.columns.runs}">
      ${release === null ? html`<span class="none">${words.stacks.noRelease}</span>` : html`<span class="version"><bdi>${versionsOf(release)}</bdi></span> <span class="small">${time(view, release.at)}</span>`}
    </td>
    <td>
      ${
        last === null
          ? html`<span class="none">${words.stacks.noJobs}</span>`
          : html`<a class="job" href="${jobAt(view, last.job_id)}">${words.action[last.action]}</a> ${outcome(view, last)}
              <span class="small">${time(view, last.finished_at ?? last.started_at ?? last.queued_at)} · ${asker(view, last)}</span>`
      }
    </td>
    <td>
      <div class="actions">
        ${action(stackAt(view, row, 'deploy'), words.do.deploy, stack)}<button
          form="plan"
          name="stack"
          value="${host}/${stack}"
          aria-label="${words.do.plan}: ${stack}"
        >
          ${words.do.plan}</button
        >${hold === null ? action(stackAt(view, row, 'hold'), words.do.hold, stack) : action(stackAt(view, row, 'release-hold'), words.do.release, stack)}
      </div>
    </td>
  </tr>`
}

/** The versions of a release: of each service where they differ. */
function versionsOf({ services }: ReleaseSummary): string {
  const versions = Object.entries(services).map(([service, one]) => [service, versionOf(one)] as const)
  const distinct = new Set(versions.map(([, version]) => version))
  if (distinct.size <= 1) return [...distinct].join('')
  const shown = versions.slice(0, 3).map(([service, version]) => `${service} ${version}`)
  return [...shown, ...(versions.length > 3 ? ['…'] : [])].join(', ')
}

function pages(view: View, filter: StackFilter, all: number): Html {
  const { stacks } = view.words
  const at = (from: number) => {
    const query = new URLSearchParams({ name: filter.name, host: filter.host, show: filter.show, from: String(from) })
    return `${pageAt(view)}?${query.toString()}`
  }
  const { from } = filter
  return html`<nav class="pages" aria-label="${stacks.title}">
    ${from > 0 ? html`<a class="button" href="${at(Math.max(0, from - PAGE_SIZE))}">${stacks.before}</a>` : ''}
    <span>${stacks.count(Math.min(from + 1, all), Math.min(from + PAGE_SIZE, all), all)}</span>
    ${from + PAGE_SIZE < all ? html`<a class="button" href="${at(from + PAGE_SIZE)}">${stacks.next}</a>` : ''}
  </nav>`
}
