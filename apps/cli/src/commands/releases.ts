import type { ReleaseSummary } from '@deployer/shared/releases'
import type { ApiClient } from '../api-client.ts'
import type { Terminal } from '../context.ts'
import { formatTable, shortDigest } from '../format.ts'

/** `deployer releases <stack>`: the kept ones, the newest first. */
export async function listReleases(
  stack: string,
  options: { host?: string; json?: boolean },
  api: ApiClient,
  terminal: Terminal,
): Promise<number> {
  const query = options.host === undefined ? '' : `?${new URLSearchParams({ host: options.host }).toString()}`
  const path = `/stacks/${encodeURIComponent(stack)}/releases${query}`
  const { releases } = await api.call<{ releases: ReleaseSummary[] }>('GET', path)
  const rows = releases.map(({ number, at, by, current, verified, services }) => {
    const images = Object.entries(services).map(([service, { digest }]) => `${service} ${digest === null ? '-' : shortDigest(digest)}`)
    return [String(number), at, by ?? '-', current ? 'yes' : '-', verified ? 'yes' : 'no', images.join(', ')]
  })
  const headings = ['RELEASE', 'WHEN', 'BY', 'CURRENT', 'VERIFIED', 'SERVICES']
  terminal.print(options.json ? JSON.stringify(releases) : formatTable(headings, rows))
  return 0
}
