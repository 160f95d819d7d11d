import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { sign, timestampedMessage } from '@deployer/shared/signature'
import type { Connection, Credentials } from './context.ts'
import { CommandEnd, EXIT } from './exit-codes.ts'

/** Calls the API. */
export interface ApiClient {
  /**
   * Sends a signed request.
   *
   * @param path With its query, as the service gets it: a prefix that a proxy takes away belongs to the address.
   * @returns The answer's JSON; of a job that ended badly too.
   * @throws {CommandEnd} with the exit code that the answer means.
   */
  call<T>(method: string, path: string, body?: unknown): Promise<T>
  /** The same for a stream of events. @param lastEventId Goes on after this one. */
  stream(path: string, lastEventId: string | null, signal: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>
  /** Whether a failure is worth another try: nobody answered. */
  isAway(error: unknown): boolean
}

/** Tries of a request that is told to come again, and the longest that it waits for one (seconds). */
const MOST_TRIES = 4
const LONGEST_PAUSE = 120

const REFUSED = new Set([401, 403, 404, 409, 413, 414, 422])

/** @param onPause Told how many seconds pass before the next try. */
export function createApiClient({ url, credentials }: Connection, onPause: (seconds: number) => void): ApiClient {
  async function send(method: string, path: string, body: string | undefined, more: Record<string, string>, signal?: AbortSignal) {
    const headers = { ...signatureHeaders(credentials, method, path, body ?? ''), ...more }
    try {
      return await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body }), ...(signal ? { signal } : {}) })
    } catch (error) {
      signal?.throwIfAborted()
      const { cause } = error as { cause?: { code?: string; message?: string } }
      throw new CommandEnd(
        EXIT.unreachable,
        `Deployer cannot be reached at ${url}: ${cause?.code ?? cause?.message ?? (error as Error).message}`,
      )
    }
  }

  return {
    async call<T>(method: string, path: string, body?: unknown) {
      const json = body === undefined ? undefined : JSON.stringify(body)
      const more: Record<string, string> = json === undefined ? {} : { 'Content-Type': 'application/json' }
      // So that what is sent again is done once.
      if (method === 'POST') more['Idempotency-Key'] = randomUUID()
      let response = await send(method, path, json, more)
      for (let tries = 1; tries < MOST_TRIES; tries++) {
        const seconds = pauseOf(response)
        if (seconds === null) break
        await response.body?.cancel()
        onPause(seconds)
        await delay(seconds * 1000)
        response = await send(method, path, json, more)
      }
      const answer = await readAnswer(response, url)
      if (!response.ok && !('job_id' in answer)) throw refusal(response.status, answer)
      return answer as T
    },
    async stream(path, lastEventId, signal) {
      const more = lastEventId === null ? {} : { 'Last-Event-ID': lastEventId }
      const response = await send('GET', path, undefined, { Accept: 'text/event-stream', ...more }, signal)
      if (!response.ok || !response.body) throw refusal(response.status, await readAnswer(response, url))
      return response.body
    },
    isAway: (error) => !(error instanceof CommandEnd) || error.exitCode === EXIT.unreachable,
  }
}

/** Seconds after which an answer wants to be asked for again; `null` where it is one, or that is too long. */
function pauseOf({ status, headers }: Response): number | null {
  const seconds = Number(headers.get('Retry-After') ?? Infinity)
  return (status === 429 || status === 503) && seconds >= 0 && seconds <= LONGEST_PAUSE ? Math.max(seconds, 1) : null
}

/** The headers that prove who asks. */
export function signatureHeaders(credentials: Credentials, method: string, path: string, body: string): Record<string, string> {
  if ('token' in credentials) return { Authorization: `Bearer ${credentials.token}` }
  const timestamp = String(Math.floor(Date.now() / 1000))
  const signature = sign(credentials.secret, timestampedMessage(timestamp, method, path, Buffer.from(body)))
  return {
    'X-Timestamp': timestamp,
    'X-Signature': `sha256=${signature}`,
    ...(credentials.keyId === undefined ? {} : { 'X-Key-Id': credentials.keyId }),
  }
}

async function readAnswer(response: Response, url: string): Promise<Record<string, unknown>> {
  const text = await response.text()
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    throw new CommandEnd(EXIT.unreachable, `${url} does not answer like Deployer (status ${response.status}). Is DEPLOYER_URL right?`)
  }
}

function refusal(status: number, { code, detail, ...rest }: Record<string, unknown>): CommandEnd {
  const exitCode = REFUSED.has(status) ? EXIT.refused : status === 400 ? EXIT.usage : EXIT.unreachable
  return new CommandEnd(exitCode, `${status} ${String(code)}: ${String(detail)}`, { ...rest, code, detail, status })
}
