import type { Delivery } from './message.ts'

/** Bytes of an answer that are looked at. */
const ENOUGH = 4096
/** Characters of it that are told. */
const TOLD = 200
/** The longest that a service is left alone because it asks for it, in seconds. */
const LONGEST_WAIT = 3600

/** What a service says in the body of an answer, beside its status: `null` where it says that all is well. */
export type Judge = (body: string, status: number) => { why?: string; wait?: number } | null

/**
 * Sends a request to a service and judges the answer: what the service calls our fault is not tried again, except for 408 and 429.
 *
 * @param judge For services that say in the body what others say by the status.
 */
export async function post(
  url: string,
  headers: Record<string, string>,
  body: string | undefined,
  signal: AbortSignal,
  judge: Judge = () => null,
): Promise<Delivery> {
  let response: Response
  let text: string
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'User-Agent': 'Deployer', ...headers },
      // Another place than the one in the settings is not trusted with what is told.
      redirect: 'manual',
      signal,
      ...(body === undefined ? {} : { body }),
    })
    text = await readSome(response)
  } catch (error) {
    return { ok: false, status: null, answer: describe(error, signal), again: true, wait: 0 }
  }
  const { status, headers: answered } = response
  const said = judge(text, status)
  const wait = Math.min(Math.max(secondsOf(answered.get('Retry-After')), said?.wait ?? 0), LONGEST_WAIT)
  if (response.ok && !said) return { ok: true, status, answer: 'taken', again: false, wait: 0 }
  if (status >= 300 && status < 400) {
    const answer = 'answers that it is somewhere else: name that place, or https where http was meant'
    return { ok: false, status, answer, again: false, wait: 0 }
  }
  const answer = oneLine(said?.why ?? text)
  return { ok: false, status, answer, again: status >= 500 || status === 408 || status === 429, wait }
}

async function readSome(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size >= ENOUGH) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** By its code alone: the messages of such errors name addresses. */
function describe(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'no answer in time'
  const { cause } = error as { cause?: { code?: string } }
  return `cannot be reached (${cause?.code ?? 'the connection failed'})`
}

function secondsOf(retryAfter: string | null): number {
  if (retryAfter === null) return 0
  const seconds = /^\d+(\.\d+)?$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0
}

/** The beginning of what was answered, in one line. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, TOLD)
}
