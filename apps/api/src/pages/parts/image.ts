import { html } from 'hono/html'
import type { Html } from '../view.ts'

/** A digest or an image's id, short; whole where the pointer rests. */
export function digest(value: string | null): Html {
  if (value === null || value === '') return html`<span class="none">–</span>`
  return html`<code class="digest" title="${value}">${value.replace(/^sha256:/, '').slice(0, 12)}</code>`
}

/** What people call the version of an image: the one that it says of itself, otherwise the tag of its name. */
export function versionOf({ image, version }: { image: string; version?: string | null | undefined }): string {
  if (version) return version
  const name = image.split('@')[0] ?? ''
  const colon = name.lastIndexOf(':')
  return colon > name.lastIndexOf('/') ? name.slice(colon + 1) : 'latest'
}
