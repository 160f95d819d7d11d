import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A registry on a bad day: how it answers stands in the name that it is asked for. */
export interface OddRegistry {
  address: string
  /** `METHOD path` of each question. */
  seen: string[]
  stop(): void
}

/** What it gives for names that it has. */
export const ODD_DIGEST = `sha256:${'0d'.repeat(32)}`

/** Docker Hub's login: a question without a token is answered with the place where there are some. */
export const HUB_LOGIN = { username: 'me', password: 'the-password-of-the-hub', serveraddress: 'https://index.docker.io/v1/' }

export async function startOddRegistry(): Promise<OddRegistry> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    seen.push(`${method} ${url}`)
    const { port } = server.address() as AddressInfo
    if (url === '/v2/') return response.end('{}')
    if (url.startsWith('/token')) return giveToken(headers.authorization, url, response)
    if (url.includes('/many')) return response.writeHead(429, { 'Retry-After': '120' }).end(method === 'HEAD' ? '' : TOO_MANY)
    if (url.includes('/busy')) return response.writeHead(503, { 'Retry-After': '120' }).end('not now')
    if (url.includes('/broken')) return response.writeHead(500).end('oops')
    if (url.includes('/slow')) return
    const isClosed = url.includes('/private') ? `Bearer ${HUB_LOGIN.username}` : 'Bearer anybody'
    if (headers.authorization !== isClosed) {
      const realm = `Bearer realm="http://127.0.0.1:${port}/token",service="hub"`
      return response.writeHead(401, { 'WWW-Authenticate': realm }).end()
    }
    response.writeHead(200, { 'Docker-Content-Digest': ODD_DIGEST }).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const TOO_MANY = JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'slow down' }] })

function giveToken(authorization: string | undefined, url: string, response: ServerResponse): void {
  const wanted = `Basic ${Buffer.from(`${HUB_LOGIN.username}:${HUB_LOGIN.password}`).toString('base64')}`
  const scope = new URL(url, 'http://hub').searchParams.get('scope') ?? ''
  if (!/^repository:.+\/.+:pull$/.test(scope)) return void response.writeHead(400).end()
  const token = authorization === wanted ? HUB_LOGIN.username : 'anybody'
  response.end(JSON.stringify({ token }))
}
