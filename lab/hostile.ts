import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createRandom, type Random } from './random.ts'

/** What a run of hostile requests has come to. */
export interface HostileRun {
  sent: number
  /** Answers by status. */
  statuses: Record<number, number>
  /** Those that are problem details by their code. */
  codes: Record<string, number>
  /** Connections that were closed without an answer, as is right for what is no HTTP. */
  closed: number
  /** Answers that hold a text which nobody may see. */
  leaks: string[]
  /** Connections that got neither an answer nor an end in time. */
  hung: number
}

/** Milliseconds after which a connection counts as hung. */
const PATIENCE = 30_000
const BATCH = 200

/**
 * Sends requests over real sockets, many on each connection one after the other, and counts the answers.
 *
 * @param make Makes the bytes of a request; every one of them ends by itself.
 * @param hidden Texts that no answer may hold.
 */
export async function sendHostile(
  port: number,
  count: number,
  connections: number,
  make: (random: Random, index: number) => Buffer,
  hidden: string[],
): Promise<HostileRun> {
  const run: HostileRun = { sent: 0, statuses: {}, codes: {}, closed: 0, leaks: [], hung: 0 }
  let next = 0
  async function worker(seed: number): Promise<void> {
    const random = createRandom(seed)
    while (next < count) {
      const size = Math.min(BATCH, count - next)
      next += size
      await sendBatch(
        port,
        Array.from({ length: size }, (_, index) => make(random, index)),
        hidden,
        run,
      )
    }
  }
  await Promise.all(Array.from({ length: connections }, (_, index) => worker(index + 1)))
  return run
}

/** Sends requests one after the other; opens another connection whenever the server has closed one. */
async function sendBatch(port: number, requests: Buffer[], hidden: string[], run: HostileRun): Promise<void> {
  let socket = await open(port)
  for (const request of requests) {
    if (socket.destroyed || socket.readableEnded) socket = await open(port)
    run.sent++
    const answer = await exchange(socket, request)
    if (answer === 'hung') run.hung++
    else if (answer.status === 0) run.closed++
    else run.statuses[answer.status] = (run.statuses[answer.status] ?? 0) + 1
    if (answer === 'hung') {
      socket.destroy()
      continue
    }
    const code = answer.text.includes('application/problem+json') ? /"code":"([a-z_]+)"/.exec(answer.text)?.[1] : undefined
    if (code !== undefined) run.codes[code] = (run.codes[code] ?? 0) + 1
    for (const secret of hidden) if (answer.text.includes(secret)) run.leaks.push(secret)
    if (answer.last) socket.destroy()
  }
  socket.destroy()
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  return socket
}

/** Sends a request and reads one answer, by its Content-Length or its chunks; an answer to HEAD has no body. */
function exchange(socket: Socket, request: Buffer): Promise<{ status: number; text: string; last: boolean } | 'hung'> {
  const isHead = request.subarray(0, 5).toString('latin1') === 'HEAD '
  return new Promise((resolve) => {
    let text = ''
    const timer = setTimeout(() => end('hung'), PATIENCE)
    const end = (answer: { status: number; text: string; last: boolean } | 'hung') => {
      clearTimeout(timer)
      socket.off('data', onData)
      socket.off('close', onClose)
      resolve(answer)
    }
    const status = () => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0)
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      if (head < 0) return
      const headers = text.slice(0, head)
      const length = /\r\ncontent-length: (\d+)/i.exec(headers)?.[1]
      const chunked = /\r\ntransfer-encoding: chunked/i.test(headers)
      const complete = chunked ? text.endsWith('\r\n0\r\n\r\n') : text.length >= head + 4 + Number(length ?? 0)
      if (isHead || complete) end({ status: status(), text, last: /\r\nconnection: close/i.test(headers) })
    }
    const onClose = () => end({ status: status(), text, last: true })
    socket.on('data', onData)
    socket.on('close', onClose)
    socket.write(request)
  })
}
