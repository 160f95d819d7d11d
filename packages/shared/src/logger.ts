import { once, type EventEmitter } from 'node:events'
import { pino, symbols, type Logger } from 'pino'
import { createRedact, type Redact } from './redact.ts'
import { settleWithin } from './settle-within.ts'

export type { Logger } from 'pino'

/**
 * The logger: JSON lines on stdout, with every given secret struck out by value, wherever it turns up.
 *
 * @param level A pino level.
 * @param role Names the part of the system in each line.
 * @param secrets Values that no line may hold. The list may grow while the logger is in use.
 */
export function createLogger(level: string, role: string, secrets: readonly string[]): Logger {
  let known = -1
  let redact: Redact = (line) => line
  const strike: Redact = (line) => {
    if (secrets.length !== known) redact = createRedact(secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]))
    known = secrets.length
    return redact(line)
  }
  return pino({
    level,
    base: { role },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    hooks: { streamWrite: strike },
  })
}

/** What pino writes to. */
type LogStream = EventEmitter & { end(): void; write(line: string): boolean; flushSync(): void }

/** Milliseconds that the log's reader has to take what is left. */
const LAST_WORDS = 1000

/**
 * Writes what is left of the log, as far as somebody reads it, and nothing after it. To be done before a process ends: at its end pino
 * writes in a loop that knows no broken pipe, so that a process whose log's reader has gone could be ended by SIGKILL alone.
 */
export async function endLog(logger: Logger): Promise<void> {
  const stream = (logger as unknown as Record<symbol, LogStream | undefined>)[symbols.streamSym]
  if (!stream) return
  const closed = once(stream, 'close')
  stream.end()
  stream.write = () => true
  await settleWithin(LAST_WORDS, closed)
  stream.flushSync = () => undefined
}
