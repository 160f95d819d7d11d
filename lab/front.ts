import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that came to a front. */
export interface Seen {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
}

/** A proxy before a service, which answers some requests itself, as proxies do on a bad day. */
export interface Front {
  url: string
  seen: Seen[]
  stop(): Promise<void>
}

/** @param interfere Says what is answered in the service's place; `null`: the service's own answer. */
export async function startFront(
  target: string,
  interfere: (request: Seen) => { status: number; headers?: Record<string, string> } | null,
): Promise<Front> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const one = { method, path, headers, body: Buffer.concat(chunks).toString() }
      seen.push(one)
      const instead = interfere(one)
      if (instead) return response.writeHead(instead.status, instead.headers).end('<html>a bad day</html>')
      const { host: _host, connection: _connection, 'content-length': _length, 'transfer-encoding': _encoding, ...passed } = headers
      fetch(target + path, { method, headers: passed as Record<string, string>, ...(one.body ? { body: one.body } : {}) }).then(
        async (answer) => {
          const body = await answer.text()
          response.writeHead(answer.status, { 'Content-Type': answer.headers.get('content-type') ?? '' }).end(body)
        },
        () => response.writeHead(502).end(),
      )
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
