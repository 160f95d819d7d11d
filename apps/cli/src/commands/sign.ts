import { sign } from '@deployer/shared/signature'
import { signatureHeaders } from '../api-client.ts'
import type { Credentials, Terminal } from '../context.ts'
import { CommandEnd, EXIT } from '../exit-codes.ts'

/** `deployer sign`: the headers of a request, one a line, fit for `curl -H @-`. */
export function signRequest(
  options: { method: string; path: string; body: string; plain?: string; json?: boolean },
  credentials: Credentials,
  terminal: Terminal,
): number {
  if ('token' in credentials) throw new CommandEnd(EXIT.usage, 'There is nothing to sign with DEPLOYER_TOKEN: set DEPLOY_SECRET.')
  const headers =
    options.plain === undefined
      ? signatureHeaders(credentials, options.method.toUpperCase(), options.path, options.body)
      : { 'X-Signature': `sha256=${sign(credentials.secret, options.body || options.plain)}`, ...keyHeader(credentials.keyId) }
  if (options.json) terminal.print(JSON.stringify(headers))
  else for (const [name, value] of Object.entries(headers)) terminal.print(`${name}: ${value}`)
  return 0
}

function keyHeader(keyId: string | undefined): Record<string, string> {
  return keyId === undefined ? {} : { 'X-Key-Id': keyId }
}
