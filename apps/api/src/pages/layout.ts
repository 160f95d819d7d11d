import { html, raw } from 'hono/html'
import { assetAt } from './assets.ts'
import { ICONS } from './parts/icon.ts'
import { pageAt, type Html, type View } from './view.ts'

/** What a page is, beside its content. */
interface Page {
  title: string
  /** Where news of what it shows comes from; none where it does not change. */
  news?: string
  content: Html
  /** Whether it is the first screen. */
  isFirst?: boolean
}

/** A whole page. */
export function layout(view: View, { title, news, content, isFirst = false }: Page): Html {
  const { words, prefix } = view
  return html`${raw('<!doctype html>')}
    <html lang="${words.lang}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · Deployer</title>
        <link rel="icon" type="image/svg+xml" href="${assetAt(view, 'favicon.svg')}" />
        <link rel="stylesheet" href="${assetAt(view, 'style.css')}" />
        <script src="${assetAt(view, 'page.js')}" defer></script>
      </head>
      <body${news === undefined ? '' : html` data-news="${news}"`}>
        ${ICONS}
        <a class="skip" href="#content">${words.nav.skip}</a>
        <header class="top">
          <a class="brand" href="${pageAt(view)}"><img src="${assetAt(view, 'favicon.svg')}" alt="" width="24" height="24" />Deployer</a>
          <nav aria-label="${words.nav.label}">
            <a href="${pageAt(view)}"${isFirst ? html` aria-current="page"` : ''}>${words.nav.stacks}</a>
            <a href="${prefix}/dashboard">${words.nav.queues}</a>
            <a href="${prefix}/docs">${words.nav.api}</a>
          </nav>
        </header>
        <main id="content" tabindex="-1">${content}</main>
        <footer>${view.user === null ? '' : html`<bdi>${words.footer(view.user)}</bdi>`}</footer>
      </body>
    </html>`
}
