import { html } from 'hono/html'
import type { Job } from '@deployer/shared/job'
import type { Html, View } from '../view.ts'

/** Before the name of a user of these pages, in a job's `by`. */
export const PAGE_CALLER = 'ui:'

/** Who asked for a job. */
export function asker(view: View, { by, source }: Pick<Job, 'by' | 'source'>): Html {
  return html`${caller(view, by)}${source === 'hook' ? html` (${view.words.by.hook})` : ''}`
}

/** Somebody who asks for something, as people call them; the name itself where the pointer rests. */
export function caller({ words }: View, by: string): Html {
  const user = by.startsWith(PAGE_CALLER) ? by.slice(PAGE_CALLER.length) : null
  const names = new Map([
    ['default', words.by.owner],
    ['watch', words.by.watch],
  ])
  return html`<bdi class="asker" title="${by}">${user === null ? (names.get(by) ?? by) : words.by.page(user)}</bdi>`
}
