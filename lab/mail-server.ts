import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from './child.ts'
import { command } from './command.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

/** A mail that the server has taken. */
export interface ReceivedMail {
  from: string
  to: string[]
  /** Whether the connection was encrypted. */
  tls: boolean
  /** Who signed in. */
  user: string
  headers: Record<string, string>
  text: string
}

/** A real SMTP server that wants a login, and encryption for it. Mail to `nobody@…` is refused for good, to `later@…` for now. */
export interface MailServer {
  /** With STARTTLS, */
  port: number
  /** and with TLS from the start. */
  tlsPort: number
  user: string
  password: string
  /** A file with its certificate, for those who are to trust it. */
  certificate: string
  received(): ReceivedMail[]
  stop(): Promise<void>
}

export async function startMailServer(): Promise<MailServer> {
  const folder = mkdtempSync(join(tmpdir(), 'deployer-mail-'))
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  await command('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...names, '-keyout', key, '-out', certificate])
  const [port, tlsPort] = [await freePort(), await freePort()]
  const [user, password] = ['deployer@example.com', 'pass-word-of-the-mailbox']
  const args = [join(import.meta.dirname, 'mail-server.py'), String(port), String(tlsPort), certificate, key, user, password]
  // The system's own: another one on the path does not have what Debian has brought.
  const child = startChild('/usr/bin/python3', args, { PATH: process.env['PATH'] })
  await until('the mail server', () => child.output().includes('ready'))
  return {
    port,
    tlsPort,
    user,
    password,
    certificate,
    received: () =>
      child
        .output()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as ReceivedMail),
    async stop() {
      await child.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
