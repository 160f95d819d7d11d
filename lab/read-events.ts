import { hmac, type Client } from './client.ts'

/** A server-sent event of a job. */
export interface JobEvent {
  event: string
  id: string
  data: any
}

/** Reads a job's events until the connection ends, or so many have come. */
export async function readEvents(
  client: Client,
  secret: string,
  id: string,
  headers: Record<string, string> = {},
  most = Infinity,
): Promise<JobEvent[]> {
  const response = await fetch(`${client.url}/jobs/${id}/events`, { headers: { 'X-Signature': hmac(secret, id), ...headers } })
  if (!response.headers.get('content-type')?.includes('text/event-stream')) throw new Error(`no events: ${response.status}`)
  const list: JobEvent[] = []
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? ''
      if (!block.startsWith(':')) list.push({ event: field('event'), id: field('id'), data: JSON.parse(field('data')) })
      if (list.length >= most) return list
    }
  }
  return list
}
