import type { Html, View } from '../view.ts'
import { badge } from './badge.ts'

/** How a stack is, as far as is known. */
export type Health = 'ok' | 'degraded' | 'down' | 'idle' | 'away'

/** @param hasRun Whether a release of the stack is known: one that was taken down is down, and not one that was never started. */
export function healthOf(
  { online, running, services, broken }: { online: boolean; running: boolean; services: string[]; broken: string[] },
  hasRun: boolean,
): Health {
  if (!online) return 'away'
  if (!running) return services.length > 0 || hasRun ? 'down' : 'idle'
  return broken.length > 0 ? 'degraded' : 'ok'
}

const LOOKS = {
  ok: ['ok', 'ok'],
  degraded: ['warn', 'warn'],
  down: ['bad', 'bad'],
  idle: ['quiet', 'minus'],
  away: ['quiet', 'off'],
} as const

/** @param broken The services that are not well. */
export function healthBadge({ words }: View, health: Health, broken: string[] = []): Html {
  const [tone, name] = LOOKS[health]
  return badge(tone, name, words.health[health], broken.length > 0 ? words.brokenServices(broken.join(', ')) : '')
}
