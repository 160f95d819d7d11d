import { html } from 'hono/html'
import type { Html, View } from '../view.ts'
import { icon } from './icon.ts'
import { time } from './time.ts'

/** Says that a host is away, and since when. */
export function awayNotice(view: View, host: string, lastSeen: number | null): Html {
  const { stacks } = view.words
  return html`<p class="notice warn">
    ${icon('warn')}<span
      ><strong><bdi>${stacks.away(host)}</bdi></strong> ${stacks.awaySince}: ${time(view, lastSeen)}. ${stacks.awayMeaning}</span
    >
  </p>`
}
