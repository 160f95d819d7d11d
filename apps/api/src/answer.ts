import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { AppEnv } from './app-env.ts'

/** An answer that has not been sent. */
export interface Answer {
  status: ContentfulStatusCode
  headers: Record<string, string>
  body: string
}

/** An answer in JSON. */
export function jsonAnswer(status: ContentfulStatusCode, value: unknown, headers: Record<string, string> = {}): Answer {
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(value) }
}

/** Sends an answer now. */
export function sendAnswer(c: Context<AppEnv>, { status, headers, body }: Answer): Response {
  return c.body(body, status, headers)
}

/**
 * Sends an answer when it is there. It is written to Node's own answer, so that nothing else of the request is kept until then: with
 * what the gates and the router hold, each of thousands of callers that wait would take twice the memory.
 *
 * @param work Never rejects.
 */
export function holdAnswer(c: Context<AppEnv>, work: Promise<Answer>): Response {
  const { outgoing } = c.env
  void work.then(({ status, headers, body }) => {
    if (!outgoing.destroyed) outgoing.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) }).end(body)
  })
  return RESPONSE_ALREADY_SENT
}
