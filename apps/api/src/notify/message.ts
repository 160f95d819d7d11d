import type { NotifyEvent } from '@deployer/shared/outbox'

/** What is told, before a channel gives it the form of its service. */
export interface Message {
  /** The same however often it is sent: receivers that see it twice can tell. */
  id: string
  event: NotifyEvent | 'test'
  /** When it happened: RFC 3339. */
  at: string
  level: 'info' | 'success' | 'warning' | 'failure'
  title: string
  /** What happened and why, line by line. */
  lines: string[]
  /** The last lines of what failed; empty where nothing did. */
  tail: string
  /** What to do; empty where there is nothing. */
  todo: string
  /** The page that tells more. */
  link: string | null
  /** For programs: the job, or the updates. */
  data: Record<string, unknown>
}

/** How a try to tell somebody ended. */
export interface Delivery {
  ok: boolean
  /** The status that was answered; `null` where nothing was. */
  status: number | null
  /** What was answered, or why nothing was: one line, without anything of the channel's URL. */
  answer: string
  /** Whether another try may end better. */
  again: boolean
  /** Seconds that the service wants to be left alone. */
  wait: number
}

/** Tells a message to one receiver. */
export type Send = (message: Message, signal: AbortSignal) => Promise<Delivery>
