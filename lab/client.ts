import { createHmac } from 'node:crypto'

/** An answer of the service. */
export interface Answer<T = Record<string, unknown>> {
  status: number
  headers: Headers
  body: T
  text: string
}

/** Calls a running service as callers do, and signs as the contract says; written apart from the service's own code on purpose. */
export interface Client {
  url: string
  secret: string
  /** Plainly signed: over the body, or the subject when there is none. */
  plain<T = any>(method: string, path: string, subject: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>
  /** With a timestamp. */
  timed<T = any>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>
  /** As given. */
  raw<T = any>(method: string, path: string, headers?: Record<string, string>, body?: string | Uint8Array): Promise<Answer<T>>
}

export function hmac(secret: string, message: string | Uint8Array): string {
  return createHmac('sha256', secret).update(message).digest('hex')
}

export function createClient(url: string, secret: string): Client {
  async function raw<T>(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: string | Uint8Array,
  ): Promise<Answer<T>> {
    const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: body as string }) })
    const text = await response.text()
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : null) as T, text }
  }
  let latest = 0
  return {
    url,
    secret,
    raw,
    plain: (method, path, subject, body, headers = {}) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      return raw(method, path, { ...headers, 'X-Signature': hmac(secret, text ?? subject) }, text)
    },
    timed: (method, path, body, headers = {}) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      // The same request twice in a second would be a replay.
      latest = Math.max(Math.floor(Date.now() / 1000), latest + 1)
      const timestamp = String(latest)
      const signature = hmac(secret, `${timestamp}.${method}.${path}.${text ?? ''}`)
      return raw(method, path, { ...headers, 'X-Timestamp': timestamp, 'X-Signature': `sha256=${signature}` }, text)
    },
  }
}
