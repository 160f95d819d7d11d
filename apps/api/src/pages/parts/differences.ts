import { html } from 'hono/html'
import type { ReleaseSummary } from '@deployer/shared/releases'
import { differenceOf, type ServiceDifference } from '../data/release-difference.ts'
import type { Html, View } from '../view.ts'
import { digest, versionOf } from './image.ts'

/**
 * How a release differs from another one, as people read it.
 *
 * @param definition Where its definition differs; empty where that is not told.
 */
export function differences(view: View, before: ReleaseSummary, after: ReleaseSummary, definition: string[] = []): Html {
  const found = differenceOf(before, after)
  if (found.length + definition.length === 0) return html`<p class="none">${view.words.stack.same}</p>`
  return html`<ul class="differences">
    ${found.map((one) => html`<li class="${one.kind}">${line(view, one)}</li>`)}
    ${definition.length === 0 ? '' : html`<li class="definition"><strong>${view.words.stack.definition}</strong> ${definition.map((path, at) => html`${at === 0 ? '' : ', '}<bdi><code>${path}</code></bdi>`)}</li>`}
  </ul>`
}

function line({ words }: View, { service, kind, from, to }: ServiceDifference): Html {
  const name = html`<bdi class="service">${service}</bdi>`
  if (kind === 'added') return html`${name} <strong>+ ${words.stack.added}</strong> ${shown(to)}`
  if (kind === 'removed') return html`${name} <strong>− ${words.stack.removed}</strong> ${shown(from)}`
  return html`${name} ${shown(from)} → ${shown(to)}`
}

function shown(one: ServiceDifference['from']): Html {
  return one === null ? html`` : html`<span title="${one.image}"><bdi>${versionOf(one)}</bdi> ${digest(one.digest)}</span>`
}
