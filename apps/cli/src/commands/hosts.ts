import type { ApiClient } from '../api-client.ts'
import type { Terminal } from '../context.ts'
import { formatTable } from '../format.ts'

/** A host as `GET /hosts` tells it. */
interface ListedHost {
  host: string
  online: boolean
  last_seen: string | null
  stacks: string[]
  version: string
  engine: string | null
  clock_ahead_ms: number
}

/** Milliseconds by which clocks may differ without a word. */
const CLOCK_TOLERANCE = 5000

/** `deployer hosts` */
export async function listHosts(json: boolean | undefined, api: ApiClient, terminal: Terminal): Promise<number> {
  const { hosts } = await api.call<{ hosts: ListedHost[] }>('GET', '/hosts')
  const rows = hosts.map(({ host, online, last_seen, stacks, version, engine }) => {
    return [host, online ? 'online' : 'away', last_seen ?? 'never', stacks.join(', ') || '-', version, engine ?? '-']
  })
  terminal.print(json ? JSON.stringify(hosts) : formatTable(['HOST', 'STATE', 'LAST SEEN', 'STACKS', 'VERSION', 'ENGINE'], rows))
  for (const { host, clock_ahead_ms } of hosts) {
    if (Math.abs(clock_ahead_ms) <= CLOCK_TOLERANCE) continue
    const seconds = Math.round(Math.abs(clock_ahead_ms) / 1000)
    terminal.say(`The clock of ${host} is ${seconds} s ${clock_ahead_ms > 0 ? 'ahead of' : 'behind'} Redis's.`)
  }
  return 0
}

/** `deployer hosts forget <name>` */
export async function forgetHost(name: string, json: boolean | undefined, api: ApiClient, terminal: Terminal): Promise<number> {
  const answer = await api.call<{ host: string; jobs_ended: number }>('DELETE', `/hosts/${encodeURIComponent(name)}`)
  terminal.print(
    json
      ? JSON.stringify(answer)
      : `${answer.host} is forgotten${answer.jobs_ended > 0 ? `, and ${answer.jobs_ended} of its jobs have been ended` : ''}`,
  )
  return 0
}
