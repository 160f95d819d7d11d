import { html } from 'hono/html'
import { layout } from './layout.ts'
import { icon } from './parts/icon.ts'
import { pageAt, type Html, type View } from './view.ts'

/** What the pages show in the place of a problem's JSON. */
export function errorPage(view: View, { code, detail }: { code: string; detail: string }): Html {
  const { error } = view.words
  const title = error[code] ?? error['title'] ?? ''
  const content = html`<section class="ask">
    <h1>${icon('warn')}${title}</h1>
    <p dir="auto" lang="en">${detail}</p>
    <div class="actions"><a class="button primary" href="${pageAt(view)}">${error['back']}</a></div>
  </section>`
  return layout(view, { title, content })
}
