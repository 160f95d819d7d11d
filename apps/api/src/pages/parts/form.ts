import { html } from 'hono/html'
import type { Html, View } from '../view.ts'

/** A form that does something: sent by POST, with the proof that it came from a page of here. */
export function form(view: View, address: string, content: Html, id = ''): Html {
  return html`<form method="post" action="${address}" ${id === '' ? '' : html` id="${id}"`}>
    <input type="hidden" name="token" value="${view.token}" />${content}
  </form>`
}

/** A form that is nothing but its button. @param what What it is about, for those who do not see where it stands. */
export function button(view: View, address: string, text: string, what: string, kind: 'primary' | 'danger' | '' = ''): Html {
  return form(view, address, html`<button class="${kind}" aria-label="${text}: ${what}">${text}</button>`)
}
