import { html } from 'hono/html'
import type { Html, View } from '../view.ts'
import { badge } from './badge.ts'
import { icon } from './icon.ts'

/** Says that what runs is not made from the stack's files as they are now; nothing where it is. */
export function driftBadge({ words }: View, files: string[]): Html | string {
  return files.length === 0 ? '' : badge('info', 'differs', words.drift.badge, `${words.drift.files(files)} ${words.drift.meaning}`)
}

/** The same for those who have no pointer to rest on it, with what to do. */
export function driftNotice({ words }: View, files: string[]): Html | string {
  if (files.length === 0) return ''
  return html`<p class="notice info">
    ${icon('differs')}<span
      ><strong><bdi>${words.drift.files(files)}</bdi></strong> ${words.drift.meaning}</span
    >
  </p>`
}
