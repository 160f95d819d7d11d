import { html } from 'hono/html'
import type { Html } from '../view.ts'
import { icon, type IconName } from './icon.ts'

/** One for each meaning; each has a colour of its own, and never the colour alone. */
export type Tone = 'ok' | 'bad' | 'warn' | 'info' | 'hold' | 'quiet'

/** A word with its colour and its icon. */
export function badge(tone: Tone, name: IconName, text: string, title = ''): Html {
  return html`<span class="badge ${tone}" ${title === '' ? '' : html` title="${title}"`}>${icon(name)}${text}</span>`
}
