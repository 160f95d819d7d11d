import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../problem.ts'

/** The second gate: reads the raw body, which the signature is made over, and stops at the limit. */
export function createReadBody(maxBytes: number) {
  const tooLarge = () =>
    new Problem('body_too_large', `The body is larger than ${maxBytes} bytes (MAX_BODY_BYTES).`, { Connection: 'close' })
  return createMiddleware<AppEnv>(async (c, next) => {
    if (Number(c.req.header('Content-Length') ?? 0) > maxBytes) throw tooLarge()
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of c.req.raw.body ?? []) {
      size += chunk.byteLength
      if (size > maxBytes) throw tooLarge()
      chunks.push(chunk)
    }
    c.set('body', chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))
    await next()
  })
}
