import { Agent, request, type IncomingMessage, type RequestOptions } from 'node:http'
import { EngineAway } from '../ports.ts'

/** An answer of the Engine API that is not a success. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Speaks HTTP to the Docker Engine over its socket. */
export class EngineHttp {
  readonly #target: RequestOptions

  /** @param dockerHost `unix:///var/run/docker.sock` or `tcp://host:port`. */
  constructor(dockerHost: string) {
    const agent = new Agent({ keepAlive: true, maxSockets: 32 })
    const url = URL.parse(dockerHost)
    if (url?.protocol === 'unix:') this.#target = { socketPath: url.pathname, agent }
    else if (url?.protocol === 'tcp:') this.#target = { host: url.hostname, port: url.port || 2375, agent }
    else throw new Error(`DOCKER_HOST is "${dockerHost}", but must be unix:///path or tcp://host:port.`)
  }

  /** Sends a request, with a JSON payload and further headers if there are any, and gives the answer's JSON, or `null` when it has none. */
  async json<T>(method: string, path: string, signal: AbortSignal, payload?: unknown, more: Record<string, string> = {}): Promise<T> {
    const body = (await collect(await this.open(method, path, signal, payload, more))).toString('utf8')
    return (body ? JSON.parse(body) : null) as T
  }

  /** Sends a request and gives the answer's body. */
  async text(method: string, path: string, signal: AbortSignal): Promise<string> {
    return (await this.bytes(method, path, signal)).toString('utf8')
  }

  /** Sends a request and gives the answer's body as it is. */
  async bytes(method: string, path: string, signal: AbortSignal): Promise<Buffer> {
    const response = await this.open(method, path, signal)
    return collect(response)
  }

  /** Sends a request and gives the answer to be read as it comes. Rejects with {@link EngineError} unless it is a success. */
  async open(
    method: string,
    path: string,
    signal: AbortSignal,
    payload?: unknown,
    more: Record<string, string> = {},
  ): Promise<IncomingMessage> {
    const json = payload === undefined ? undefined : JSON.stringify(payload)
    const headers = {
      Host: 'docker',
      ...more,
      ...(json === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(json) }),
    }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = request({ ...this.#target, method, path, signal, headers }, resolve)
      call.on('error', (cause) => {
        if (signal.aborted) reject(signal.reason as Error)
        else reject(new EngineAway(`The Docker Engine cannot be reached: ${cause.message}`, { cause }))
      })
      call.end(json)
    })
    const status = response.statusCode ?? 0
    if (status >= 200 && status < 300) return response
    const body = (await collect(response)).toString('utf8')
    let message = body
    try {
      message = (JSON.parse(body) as { message?: string }).message ?? body
    } catch {
      // A proxy's own error page is no JSON.
    }
    throw new EngineError(status, `The Docker Engine answered ${status}: ${message.trim()}`)
  }
}

async function collect(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer)
  } catch (cause) {
    throw new EngineAway('The Docker Engine ended in the middle of an answer.', { cause })
  }
  return Buffer.concat(chunks)
}
