import { pino, type Logger } from 'pino'
import { createRedact, type Redact } from './redact.ts'

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
