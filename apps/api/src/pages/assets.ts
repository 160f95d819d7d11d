import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { pageAt, type View } from './view.ts'

const TYPES = { 'style.css': 'text/css', 'page.js': 'text/javascript', 'favicon.svg': 'image/svg+xml' } as const
type Asset = keyof typeof TYPES

const FILES = Object.fromEntries(
  Object.keys(TYPES).map((name) => {
    const text = readFileSync(new URL(`assets/${name}`, import.meta.url), 'utf8')
    return [name, { text, version: createHash('sha256').update(text).digest('base64url').slice(0, 8) }]
  }),
)

/** The address of a file that pages need; another one when it changes, so that browsers may keep it. */
export function assetAt(view: View, name: Asset): string {
  return `${pageAt(view, name)}?${FILES[name]?.version}`
}

/** Serves the stylesheet, the script and the icon. */
export function assetRoutes() {
  const app = new Hono<AppEnv>()
  for (const [name, type] of Object.entries(TYPES)) {
    app.get(`/ui/${name}`, (c) => {
      c.env.outgoing.setHeader('Cache-Control', 'private, max-age=86400')
      return c.body(FILES[name]?.text ?? '', 200, { 'Content-Type': `${type}; charset=utf-8` })
    })
  }
  return app
}
