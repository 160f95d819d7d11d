import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from './engine.ts'

/** A Docker Engine as another host would have it. */
export interface OtherEngine {
  dockerHost: string
  stop(): Promise<void>
}

/** The engine of this run at another address, where it says that it is another one: two hosts on one machine. All else is its own answer. */
export async function startOtherEngine(engine: Engine): Promise<OtherEngine> {
  const id = randomUUID()
  const folder = mkdtempSync(join(tmpdir(), 'deployer-engine-'))
  const socket = join(folder, 'docker.sock')
  const server = createServer((asked, answer) => {
    const { method, url: path, headers } = asked
    const passed = request({ socketPath: engine.dockerHost.replace('unix://', ''), method, path, headers }, (given) => {
      answer.on('close', () => given.destroy())
      if (!/^(\/v[\d.]+)?\/info$/.test(path ?? '')) {
        answer.writeHead(given.statusCode ?? 502, given.headers)
        answer.flushHeaders()
        given.pipe(answer)
        return
      }
      const chunks: Buffer[] = []
      given.on('data', (chunk: Buffer) => chunks.push(chunk))
      given.on('end', () => {
        const info = { ...(JSON.parse(Buffer.concat(chunks).toString()) as object), ID: id }
        answer.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(info))
      })
    })
    passed.on('error', () => answer.destroy())
    asked.pipe(passed)
  }).listen(socket)
  await once(server, 'listening')
  return {
    dockerHost: `unix://${socket}`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
