import type { OutboxEntry } from '@deployer/shared/outbox'
import type { Delivery } from './message.ts'
import { post } from './post.ts'

/** A round of checks that has begun or ended. */
export type Round = Extract<OutboxEntry, { kind: 'round' }>

/** Tells a service like Healthchecks how a round of checks goes. @param url PING_URL, whose query stays as it is. */
export function ping(url: string, { phase, problem, host }: Round, signal: AbortSignal): Promise<Delivery> {
  const target = new URL(url)
  const more = phase === 'start' ? '/start' : problem === null ? '' : '/fail'
  target.pathname = `${target.pathname.replace(/\/+$/, '')}${more}`
  const body = problem === null ? `A round of checks on ${host}` : `A round of checks on ${host}: ${problem}`
  return post(target.href, { 'Content-Type': 'text/plain; charset=utf-8' }, body, signal)
}
