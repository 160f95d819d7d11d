import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A span that was sent to the collector. */
export interface CollectedSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
}

/** A collector for OpenTelemetry's traces (OTLP as JSON over HTTP). */
export interface LabCollector {
  url: string
  spans(): CollectedSpan[]
  stop(): Promise<void>
}

/** @param host The address of this machine that it listens on; containers reach the gateways of their engine's networks. */
export async function startCollector(host = '127.0.0.1'): Promise<LabCollector> {
  const spans: CollectedSpan[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { resourceSpans = [] } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { resourceSpans?: any[] }
      for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans)
      response.setHeader('Content-Type', 'application/json')
      response.end('{}')
    })
  }).listen(0, host)
  await once(server, 'listening')
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    spans: () => spans,
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
