import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that a receiver got. */
export interface ReceivedRequest {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
}

/** A server that keeps what it gets, as somebody's own receiver of webhooks would. */
export interface Receiver {
  /** `127.0.0.1:port` */
  address: string
  received: ReceivedRequest[]
  stop(): Promise<void>
}

/** @param answer What becomes of a request; 204 by itself. */
export async function startReceiver(
  answer = (response: ServerResponse, _request: ReceivedRequest) => void response.writeHead(204).end(),
): Promise<Receiver> {
  const received: ReceivedRequest[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const got = { method, path, headers, body: Buffer.concat(chunks).toString('utf8') }
      received.push(got)
      answer(response, got)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
