import { join } from 'node:path'
import { COMPILE_CACHE, NODE_OPTIONS } from '../launcher/node-options.mjs'
import { startChild, type Child } from './child.ts'
import { createClient, type Client } from './client.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

const REPOSITORY = join(import.meta.dirname, '..')

/** A part of Deployer that runs as a process of its own. */
export interface Service extends Child {
  client: Client
  /** Each line of its log that is JSON. */
  logLines(): Record<string, unknown>[]
}

/** The environment that a part of Deployer needs, and nothing of this process's own. */
export function serviceEnv(settings: Record<string, string>): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/root', NODE_COMPILE_CACHE: COMPILE_CACHE, ...settings }
}

/**
 * Starts one role and waits until it says that it has started.
 *
 * @param repository The checkout that it is started from.
 */
export async function startService(
  role: 'all' | 'api' | 'worker',
  settings: Record<string, string>,
  onOutput?: (text: string) => void,
  repository = REPOSITORY,
): Promise<Service> {
  const port = settings['PORT'] ?? String(await freePort())
  const env = serviceEnv({ HOST: '127.0.0.1', ...settings, PORT: port })
  const child = startChild(process.execPath, [...NODE_OPTIONS, join(repository, 'launcher/main.ts'), role], env, onOutput)
  const ended = () => child.process.exitCode !== null
  // Not by its log, which LOG_LEVEL may have silenced.
  const health = () => fetch(`http://127.0.0.1:${port}/health`).then(({ ok }) => ok)
  await until(`${role} to start`, () => ended() || (role === 'worker' ? child.output().includes('"worker_started"') : health()), 90)
  if (ended()) throw new Error(`${role} ended with ${child.process.exitCode}: ${child.output()}`)
  const client = createClient(`http://127.0.0.1:${port}`, settings['DEPLOY_SECRET'] ?? '')
  if (role === 'all') await until('readiness', async () => (await fetch(`${client.url}/ready`)).ok)
  const logLines = () =>
    child
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { ...child, client, logLines }
}
