import type { Redis } from 'ioredis'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '@deployer/shared/logger'
import { OUTBOX_KEY, OutboxEntry } from '@deployer/shared/outbox'
import { settleWithin } from '@deployer/shared/settle-within'

/** All API processes take entries under one name, so that what one of them has taken and not dealt with is before the others too. */
const GROUP = 'api'
const AT_ONCE = 50
/** Milliseconds that are waited for an entry, after which what others have left is looked for. */
const BLOCK = 5000
/** Milliseconds until a Redis that has failed is asked again. */
const RETRY = 1000

/** An entry as Redis gives it; without fields once it was trimmed away. */
type Taken = [id: string, fields: string[] | null]

/** Milliseconds that what is being dealt with has at a stop: it is dealt with again otherwise. */
const GOODBYE = 500

/** Takes entries from the outbox. */
export interface OutboxTaker {
  stop(): Promise<void>
}

/**
 * Takes what is in the outbox, the oldest first, and lets it go once it has been dealt with. Two processes may deal with the same entry, and one that
 * died may have dealt with it already: dealing with it twice has to come to the same as once. No entry is dealt with before those that are older.
 *
 * @param redis A connection of its own: it blocks.
 * @param deal What becomes of an entry. Where it rejects, the entry is dealt with again.
 */
export function takeOutbox(redis: Redis, logger: Logger, deal: (id: string, entry: OutboxEntry) => Promise<void>): OutboxTaker {
  const stopping = new AbortController()
  let failing = false

  /** @param from `>` waits for new entries, `0` gives those that somebody has taken and not let go. */
  async function read(from: '>' | '0'): Promise<Taken[]> {
    const answer = await redis.xreadgroup('GROUP', GROUP, 'api', 'COUNT', AT_ONCE, 'BLOCK', BLOCK, 'STREAMS', OUTBOX_KEY, from)
    return answer?.[0]?.[1] ?? []
  }

  async function dealWith([id, fields]: Taken): Promise<void> {
    // One that was trimmed away while it waited has no fields any more.
    const entry = parseEntry(fields?.[1])
    if (entry) await deal(id, entry)
    else logger.warn({ event: 'outbox_unread', entry: id }, 'an entry of the outbox cannot be read: it is left out')
    await redis.multi().xack(OUTBOX_KEY, GROUP, id).xdel(OUTBOX_KEY, id).exec()
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        for (;;) {
          const left = await read('0')
          for (const taken of left) await dealWith(taken)
          if (left.length < AT_ONCE) break
        }
        await read('>')
        failing = false
      } catch (error) {
        if (stopping.signal.aborted) return
        if (String(error).includes('NOGROUP')) await makeGroup(redis)
        else {
          if (!failing) logger.warn({ event: 'outbox_failed', err: error }, 'what is to be told could not be taken; trying again')
          failing = true
          await delay(RETRY, undefined, { signal: stopping.signal }).catch(() => undefined)
        }
      }
    }
  }

  const running = run()
  return {
    async stop() {
      stopping.abort()
      redis.disconnect()
      // A question to a Redis that is away is never answered.
      await settleWithin(GOODBYE, running)
    },
  }
}

/** From the beginning: what was written before the first API came is told too. */
async function makeGroup(redis: Redis): Promise<void> {
  await redis.xgroup('CREATE', OUTBOX_KEY, GROUP, '0', 'MKSTREAM').catch((error: Error) => {
    if (!error.message.includes('BUSYGROUP')) throw error
  })
}

function parseEntry(json: string | undefined): OutboxEntry | null {
  try {
    return OutboxEntry.parse(JSON.parse(json ?? ''))
  } catch {
    return null
  }
}
