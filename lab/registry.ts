import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from './child.ts'
import { command } from './command.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

/** A registry on the loopback address, which engines take without TLS. */
export interface LabRegistry {
  /** `127.0.0.1:port`, the first part of its images' names. */
  address: string
  /** Stops it where it is, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  stop(): Promise<void>
}

/**
 * @param login Makes it a private one, with this user and password.
 * @param listener Is told of what is pushed and pulled, with this header `Authorization`.
 */
export async function startRegistry(
  login?: { user: string; password: string },
  listener?: { url: string; authorization: string },
): Promise<LabRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'deployer-registry-'))
  const address = `127.0.0.1:${await freePort()}`
  mkdirSync(join(folder, 'data'))
  let auth = ''
  if (login) {
    writeFileSync(join(folder, 'htpasswd'), await command('htpasswd', ['-Bbn', login.user, login.password]))
    auth = `auth:\n  htpasswd:\n    realm: lab\n    path: ${join(folder, 'htpasswd')}\n`
  }
  const storage = `storage:\n  filesystem:\n    rootdirectory: ${join(folder, 'data')}\n  delete:\n    enabled: true\n`
  const endpoint = listener && {
    name: 'lab',
    url: listener.url,
    headers: { Authorization: [listener.authorization] },
    timeout: '5s',
    threshold: 1,
    backoff: '1s',
  }
  const notifications = endpoint ? `notifications: ${JSON.stringify({ endpoints: [endpoint] })}\n` : ''
  writeFileSync(
    join(folder, 'config.yml'),
    `version: 0.1\nlog:\n  level: error\n${storage}http:\n  addr: ${address}\n${auth}${notifications}`,
  )
  const child = startChild('docker-registry', ['serve', join(folder, 'config.yml')], { PATH: process.env['PATH'] })
  await until('the registry', async () => [200, 401].includes((await fetch(`http://${address}/v2/`)).status))
  return {
    address,
    signal: (signal) => void child.process.kill(signal),
    async stop() {
      await child.stop('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
