import { raw } from 'hono/html'

/** What the icons show: `ok`, `bad`, … are drawn once, in the page's head. */
const SHAPES = {
  ok: '<path d="M3.5 8.5l3 3 6-7"/>',
  bad: '<path d="M4 4l8 8M12 4l-8 8"/>',
  warn: '<path d="M8 2.5l6 11H2zM8 6.5v3.2M8 11.6v.2"/>',
  run: '<path d="M13 8a5 5 0 1 1-2-4M13 2.5V5h-2.6"/>',
  wait: '<circle cx="8" cy="8" r="5.5"/><path d="M8 5v3.2l2 1.3"/>',
  hold: '<path d="M5.5 3.5v9M10.5 3.5v9"/>',
  up: '<path d="M8 13V3.5M4 7.2l4-4 4 4"/>',
  back: '<path d="M6 3.5L2.5 7 6 10.5M3 7h6.5a3.5 3.5 0 0 1 0 7H8"/>',
  off: '<circle cx="8" cy="8" r="5.5"/><path d="M4.2 4.2l7.6 7.6"/>',
  differs: '<path d="M3.5 6h9M3.5 10h9M10.5 3l-5 10"/>',
  minus: '<path d="M3.5 8h9"/>',
} as const
export type IconName = keyof typeof SHAPES

/** An icon beside a word that says the same: readers of screens pass it over. */
export function icon(name: IconName) {
  return raw(`<svg class="icon" aria-hidden="true"><use href="#i-${name}"/></svg>`)
}

/** The drawings, for the head of each page. */
export const ICONS = raw(
  `<svg class="drawings" aria-hidden="true">${Object.entries(SHAPES)
    .map(([name, shape]) => `<symbol id="i-${name}" viewBox="0 0 16 16">${shape}</symbol>`)
    .join('')}</svg>`,
)
