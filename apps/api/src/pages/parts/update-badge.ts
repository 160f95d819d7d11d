import type { Update, UpdateState } from '@deployer/shared/updates'
import type { Html, View } from '../view.ts'
import { badge, type Tone } from './badge.ts'
import type { IconName } from './icon.ts'

const LOOKS: Record<UpdateState, [Tone, IconName]> = {
  quarantined: ['bad', 'off'],
  pending: ['info', 'up'],
  notify: ['info', 'up'],
  window: ['info', 'wait'],
  cooling: ['info', 'wait'],
  settling: ['info', 'wait'],
  held: ['hold', 'hold'],
  skipped: ['quiet', 'minus'],
  unknown: ['quiet', 'minus'],
  local: ['quiet', 'minus'],
}

/** Where there is something newer that is not deployed yet. */
export function isWaiting({ state, available }: Update): boolean {
  return available !== null && state !== 'local' && state !== 'unknown' && state !== 'skipped'
}

export function updateBadge({ words }: View, state: UpdateState): Html {
  const [tone, name] = LOOKS[state]
  return badge(tone, name, words.update[state], words.updateMeaning[state])
}

/** The states of a stack's updates that are worth a badge, each once, the weightiest first. */
export function badgeStates(updates: Update[]): UpdateState[] {
  const states = new Set(updates.map(({ state }) => state))
  return (Object.keys(LOOKS) as UpdateState[]).filter((state) => states.has(state) && state !== 'local' && state !== 'unknown')
}
