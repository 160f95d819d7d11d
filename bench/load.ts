import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What a load has come to. */
export interface LoadResult {
  perSecond: number
  /** Milliseconds. */
  p50: number
  p99: number
  statuses: Record<number, number>
}

/**
 * Sends requests over so many connections, one after the other on each, for some time. Over bare sockets, since a client that
 * costs as much as the server would measure itself.
 *
 * @param requests Bytes of requests with HTTP/1.1 and keep-alive, taken in turn.
 */
export async function load(port: number, requests: Buffer[], connections: number, seconds: number): Promise<LoadResult> {
  const times: number[] = []
  const statuses: Record<number, number> = {}
  let next = 0
  const began = performance.now()
  const end = began + seconds * 1000
  async function run(): Promise<void> {
    let socket = await open(port)
    while (performance.now() < end) {
      const sent = performance.now()
      const answer = await exchange(socket, requests[next++ % requests.length] as Buffer)
      times.push(performance.now() - sent)
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
      if (answer.closes) socket = await open(port)
    }
    socket.destroy()
  }
  await Promise.all(Array.from({ length: connections }, run))
  const elapsed = (performance.now() - began) / 1000
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor(share * times.length)] ?? 0
  return { perSecond: times.length / elapsed, p50: at(0.5), p99: at(0.99), statuses }
}

/** A connection for requests one after the other. */
export async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  await once(socket, 'connect')
  return socket
}

/** Sends a request and reads the answer to its end, by its Content-Length. */
export function exchange(socket: Socket, request: Buffer): Promise<{ status: number; closes: boolean }> {
  return new Promise((resolve, reject) => {
    let text = ''
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      if (head < 0) return
      const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? '0'
      if (text.length < head + 4 + Number(length)) return
      done()
      resolve({ status: Number(text.slice(9, 12)), closes: /\r\nconnection: close/i.test(text.slice(0, head)) })
    }
    const onClose = () => {
      done()
      reject(new Error('the server closed the connection'))
    }
    const done = () => {
      socket.off('data', onData)
      socket.off('close', onClose)
    }
    socket.on('data', onData)
    socket.on('close', onClose)
    socket.write(request)
  })
}
