import type { Redis } from 'ioredis'
import { randomUUIDv7 } from 'node:crypto'
import type { Logger } from '@deployer/shared/logger'
import type { NotifyEvent, OutboxEntry } from '@deployer/shared/outbox'
import { createRedact } from '@deployer/shared/redact'
import { partsOfUrl } from '@deployer/shared/secrets-of-url'
import { SettingsError, type Settings } from '@deployer/shared/settings'
import { settleWithin } from '@deployer/shared/settle-within'
import type { NotifyTest } from '../openapi/answers.ts'
import { MalformedUrl } from './channel-url.ts'
import { keyFrom } from './channels/json.ts'
import { jobMessage, testMessage, updatesMessage } from './compose-message.ts'
import { type Channel, createChannels } from './create-channels.ts'
import { createDeliveries } from './deliver.ts'
import { createMemory } from './memory.ts'
import type { Message } from './message.ts'
import { ping, type Round } from './ping.ts'
import { takeOutbox } from './take-outbox.ts'

/** Messages that are sent at the same time by one process. */
const AT_ONCE = 8
/** Milliseconds that a test may take. */
const TEST_PATIENCE = 15_000
/** Milliseconds that what is being sent has at a stop. */
const GOODBYE = 3000

/** Tells people what happens. */
export interface Notify {
  /** Sends a message to every channel now. */
  test(): Promise<NotifyTest['channels']>
  stop(): Promise<void>
}

/** What it works with. */
interface NotifyTools {
  /** For short questions. */
  redis: Redis
  /** For BullMQ's queues. */
  queueRedis: Redis
  /** Opens a connection for those that wait on it. @param purpose Names it. */
  connect(purpose: string): Redis
  logger: Logger
}

/** The channels of the settings. @throws {SettingsError} for a URL that is malformed. */
export function channelsOf({ NOTIFY_URLS, DEPLOY_SECRET, DEPLOY_SECRET_PREVIOUS }: Settings): Channel[] {
  const secrets = [DEPLOY_SECRET, DEPLOY_SECRET_PREVIOUS].filter((secret) => secret !== undefined)
  try {
    return createChannels(NOTIFY_URLS, secrets.map(keyFrom))
  } catch (error) {
    if (!(error instanceof MalformedUrl)) throw error
    throw new SettingsError(`NOTIFY_URLS has a URL that is none of a channel. ${error.message}. See docs/notifications.md.`)
  }
}

/** Takes what happens from the outbox and tells it. Without channels and a PING_URL it is taken and let go. */
export function startNotify(settings: Settings, channels: Channel[], { redis, queueRedis, connect, logger }: NotifyTools): Notify {
  const { NOTIFY_ON, NOTIFY_REPEAT, PING_URL, PUBLIC_URL } = settings
  const outbox = connect('outbox')
  const worker = channels.length > 0 || PING_URL !== undefined ? connect('notify') : null
  const memory = createMemory(redis, NOTIFY_REPEAT)
  const messages =
    worker === null || channels.length === 0
      ? null
      : createDeliveries<{ channel: string; message: Message }>(
          '@notify',
          queueRedis,
          worker,
          logger,
          AT_ONCE,
          ({ channel, message }, signal) => {
            return channels.find(({ id }) => id === channel)?.send(message, signal) ?? null
          },
        )
  const hide = createRedact(PING_URL === undefined ? [] : [PING_URL, ...partsOfUrl(PING_URL)])
  // One after the other, and apart from the messages, so that an end is not told before its start.
  const pings =
    worker === null || PING_URL === undefined
      ? null
      : createDeliveries<Round>('@notify-ping', queueRedis, worker, logger, 1, async (round, signal) => {
          const delivery = await ping(PING_URL, round, signal)
          return { ...delivery, answer: hide(delivery.answer) }
        })

  async function tell(message: Message): Promise<void> {
    for (const { id } of channels) await messages?.add(`${message.id}.${id}`, { channel: id, message })
  }

  async function deal(id: string, entry: OutboxEntry): Promise<void> {
    if (entry.kind === 'round') return pings?.add(`round-${id}`, entry, entry.phase === 'start' ? 1 : undefined)
    if (!messages) return
    if (entry.kind === 'updates') {
      const updates = await memory.newUpdates(id, entry.host, entry.updates)
      if (updates.length > 0 && NOTIFY_ON.includes('update_available')) await tell(updatesMessage(id, { ...entry, updates }, PUBLIC_URL))
      return
    }
    const events = await memory.eventsOf(id, entry.job, entry.late, entry.at)
    const event = events.find((one) => NOTIFY_ON.includes(one)) as Exclude<NotifyEvent, 'update_available'> | undefined
    if (event) await tell(jobMessage(event, entry.job, entry.at, entry.late, PUBLIC_URL))
  }

  const taker = takeOutbox(outbox, logger, deal)
  return {
    async test() {
      const message = testMessage(`test-${randomUUIDv7()}`, new Date().toISOString(), PUBLIC_URL)
      const signal = AbortSignal.timeout(TEST_PATIENCE)
      return Promise.all(
        channels.map(async ({ scheme: channel, position, send }) => {
          const { ok, status, answer } = await send(message, signal)
          return { channel, position, ok, status, answer }
        }),
      )
    },
    async stop() {
      await settleWithin(GOODBYE, Promise.allSettled([taker.stop(), messages?.close(), pings?.close()]))
      worker?.disconnect()
    },
  }
}
