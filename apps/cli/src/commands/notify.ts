import type { ApiClient } from '../api-client.ts'
import type { Terminal } from '../context.ts'
import { EXIT } from '../exit-codes.ts'

/** What `POST /notify/test` answers. */
interface TestAnswer {
  ok: boolean
  channels: { channel: string; position: number; ok: boolean; status: number | null; answer: string }[]
}

/** `deployer notify --test` */
export async function testNotify(json: boolean | undefined, api: ApiClient, terminal: Terminal): Promise<number> {
  const answer = await api.call<TestAnswer>('POST', '/notify/test')
  const { ok, channels } = answer
  if (json) terminal.print(JSON.stringify(answer))
  else if (channels.length === 0) terminal.print('NOTIFY_URLS is empty: nobody is told anything.')
  else
    for (const one of channels) {
      const status = one.status === null ? '' : ` (${one.status})`
      terminal.print(`${one.position} ${one.channel}: ${one.ok ? `taken${status}` : `not taken${status}: ${one.answer}`}`)
    }
  return ok && channels.length > 0 ? EXIT.deployed : EXIT.failed
}
