import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { AppEnv } from '../app-env.ts'
import type { Limits } from '../gates/limits.ts'

/** Scalar's page draws with inline styles; everything else comes from here. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/** What there is to call, for programs and for people. Open to all: it tells nothing of this installation. */
export function docsRoutes(open: Limits['open']) {
  let document: Promise<string> | undefined
  /** Made when somebody asks for it: the libraries that make it cost memory. */
  const read = () => (document ??= import('../openapi/document.ts').then(({ openApiDocument }) => JSON.stringify(openApiDocument())))
  return new Hono<AppEnv>()
    .get('/openapi.json', open, async (c) =>
      c.body(await read(), 200, { 'Content-Type': 'application/json', 'Access-Control-Allow-Origin': '*' }),
    )
    .get('/docs', open, (c) => {
      c.env.outgoing.setHeader('Content-Security-Policy', POLICY)
      return c.html(PAGE)
    })
    .get('/docs/page.js', open, (c) => c.body(SCRIPT, 200, { 'Content-Type': 'text/javascript' }))
    .get('/docs/scalar.js', open, (c) => {
      c.env.outgoing.setHeader('Cache-Control', 'public, max-age=86400')
      const bundle = createReadStream(new URL('browser/standalone.js', import.meta.resolve('@scalar/api-reference')))
      return c.body(Readable.toWeb(bundle) as ReadableStream, 200, { 'Content-Type': 'text/javascript' })
    })
}

// Relative addresses, so that a proxy may put a prefix before them.
const PAGE = html`<!doctype html>
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>Deployer: API</title>
    </head>
    <body>
      <div id="api">
        <noscript>The same as JSON: <a href="openapi.json">openapi.json</a></noscript>
      </div>
      <script src="docs/scalar.js"></script>
      <script src="docs/page.js"></script>
    </body>
  </html>`

/** No fonts, no telemetry and no assistant from elsewhere, and no client that would send unsigned requests. */
const SCRIPT = `Scalar.createApiReference('#api', {
  url: 'openapi.json',
  withDefaultFonts: false,
  hideTestRequestButton: true,
  hideClientButton: true,
  telemetry: false,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
})`
