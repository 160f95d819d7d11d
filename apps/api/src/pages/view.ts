import type { Context } from 'hono'
import type { html } from 'hono/html'
import type { AppEnv } from '../app-env.ts'
import { proxyPrefix } from '../gates/proxy-prefix.ts'
import { chooseWords } from './words/choose-words.ts'
import type { Words } from './words/en.ts'

/** A piece of a page. */
export type Html = ReturnType<typeof html>

/** What every piece of a page needs to know of who looks at it. */
export interface View {
  words: Words
  /** Whoever looks at it; nobody where it is told that it takes a login. */
  user: string | null
  /** What a proxy has put before the paths. */
  prefix: string
  /** Proves that a form came from a page of here. */
  token: string
  /** Milliseconds since the epoch. */
  now: number
}

/** The view of one request. */
export function createView(c: Context<AppEnv>, user: string | null, token: string): View {
  return { words: chooseWords(c.req.header('Accept-Language')), user, prefix: proxyPrefix(c), token, now: Date.now() }
}

/** The address of a page, from the parts of its path under `/ui`. */
export function pageAt({ prefix }: Pick<View, 'prefix'>, ...parts: (string | number)[]): string {
  return [`${prefix}/ui`, ...parts.map((part) => encodeURIComponent(part))].join('/')
}

/** The address of a stack's page, or of what is done with it there. */
export function stackAt(view: View, { host, stack }: { host: string; stack: string }, ...parts: string[]): string {
  return pageAt(view, 'stacks', host, stack, ...parts)
}
