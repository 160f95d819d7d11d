import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { OUTBOX_KEY, OutboxEntry } from '@deployer/shared/outbox'

/** What is put into the outbox from now on. An API takes it out as soon as it is there, so it has to be heard. */
export interface HeardOutbox {
  entries: OutboxEntry[]
  /** Resolves when listening has begun. */
  ready: Promise<void>
  stop(): void
}

/** @param url `redis://host:port` or `unix:/path`. */
export function hearOutbox(url: string): HeardOutbox {
  const { protocol, pathname, hostname, port } = new URL(url)
  const socket = protocol === 'unix:' ? connect(pathname) : connect(Number(port), hostname)
  socket.write('MONITOR\r\n')
  const entries: OutboxEntry[] = []
  let begun: () => void = () => undefined
  const ready = new Promise<void>((resolve) => (begun = resolve))
  createInterface({ input: socket }).on('line', (line) => {
    begun()
    const [command = '', key, ...rest] = Array.from(line.matchAll(/"((?:[^"\\]|\\.)*)"/g), ([, text = '']) => unescape(text))
    if (command.toUpperCase() === 'XADD' && key === OUTBOX_KEY) entries.push(OutboxEntry.parse(JSON.parse(rest.at(-1) ?? '')))
  })
  return { entries, ready, stop: () => socket.destroy() }
}

/** Takes back how Redis writes what is no plain letter. */
function unescape(text: string): string {
  const bytes = text.replaceAll(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex?: string, letter = '') =>
    hex === undefined
      ? ({ n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b' }[letter as string] ?? (letter as string))
      : String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
