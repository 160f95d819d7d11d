import { html } from 'hono/html'
import { pageAt, stackAt, type Html, type View } from '../view.ts'

/** A stack's name, which leads to its page. */
export function stackLink(view: View, place: { host: string; stack: string }): Html {
  return html`<a href="${stackAt(view, place)}"><bdi>${place.stack}</bdi></a>`
}

/** The address of a job's page. */
export function jobAt(view: View, jobId: string): string {
  return pageAt(view, 'jobs', jobId)
}

/** A link that looks like what it does: it leads to a question, or to where something is done. */
export function action(address: string, text: string, what: string, kind: 'primary' | 'danger' | '' = ''): Html {
  return html`<a class="button ${kind}" href="${address}" aria-label="${text}: ${what}">${text}</a>`
}
