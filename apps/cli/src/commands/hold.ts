import { randomBytes } from 'node:crypto'
import type { Hold } from '@deployer/shared/updates'
import type { ApiClient } from '../api-client.ts'
import type { Terminal } from '../context.ts'
import { formatHold } from './updates.ts'

interface HoldOptions {
  host?: string
  json?: boolean
}

/** `deployer hold <stack> --reason …`: nobody deploys it until it is released, or the time is over. */
export async function holdStack(
  stack: string,
  { reason, until, ...options }: HoldOptions & { reason: string; until?: string },
  api: ApiClient,
  terminal: Terminal,
): Promise<number> {
  const answer = await ask<{ host: string; hold: Hold }>('PUT', stack, { reason, until }, options, api)
  terminal.print(options.json ? JSON.stringify(answer) : formatHold(`${stack} on ${answer.host}`, answer.hold))
  return 0
}

/** `deployer release-hold <stack>` */
export async function releaseStack(stack: string, options: HoldOptions, api: ApiClient, terminal: Terminal): Promise<number> {
  const answer = await ask<{ host: string }>('DELETE', stack, {}, options, api)
  terminal.print(options.json ? JSON.stringify(answer) : `nobody holds ${stack} on ${answer.host}`)
  return 0
}

/** The nonce: what is asked twice in a second would be a replay. */
function ask<T>(method: string, stack: string, body: object, { host }: HoldOptions, api: ApiClient): Promise<T> {
  return api.call<T>(method, `/stacks/${encodeURIComponent(stack)}/hold`, { ...body, host, nonce: randomBytes(12).toString('hex') })
}
