import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient, type Client } from './client.ts'
import { command } from './command.ts'
import { buildDeployerImage, DEPLOYER_IMAGE } from './deployer-image.ts'
import { copyImages, type Engine } from './engine.ts'
import { freePort } from './free-port.ts'
import { signalProcess } from './signal-process.ts'
import { until } from './until.ts'
import type { World } from './world.ts'

/** A container of docker-compose.yml. */
export type Part = 'redis' | 'api' | 'worker'

/** What docker-compose.yml starts: its own file, command, users and volumes, and the image that is built from here. */
export interface Shipped {
  client: Client
  /** The name of its project. */
  project: string
  /** The settings in its `.env`. */
  settings: Record<string, string>
  /** `docker compose …` for its project, as an operator would. */
  compose(...args: string[]): Promise<string>
  /** What the engine says of a part's container. */
  inspect(part: Part): Promise<any>
  /** Ends a part by a signal and waits for its end. It stays away until `start`. */
  stop(part: Part, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  start(part: Part): Promise<void>
  /** Stops all processes of a part where they are. @returns Lets them go on. */
  freeze(part: Part): Promise<() => void>
  /** Takes it down, volumes included. May be called again. */
  close(): Promise<void>
}

/** The name of its Redis in docker-compose.yml. */
const REDIS_IMAGE = 'redis:7'

const REPOSITORY = join(import.meta.dirname, '..')

/**
 * Starts the production set-up for the stacks of a world, under a project name, a port and passwords of its own, and waits until it is ready.
 *
 * @param more Settings of its `.env` beside those that it needs.
 * @param builder The engine that builds its images, where it is another one.
 */
export async function startShipped(engine: Engine, world: World, more: Record<string, string> = {}, builder = engine): Promise<Shipped> {
  await buildDeployerImage(builder)
  if (builder !== engine) await copyImages(builder, engine, [DEPLOYER_IMAGE, REDIS_IMAGE])
  const project = `deployer-shipped-${randomBytes(3).toString('hex')}`
  const port = await freePort()
  const keys = join(world.root, '.keys')
  mkdirSync(keys, { recursive: true })
  const settings = {
    KEYS_DIR: keys,
    DEPLOY_SECRET: world.secret,
    REDIS_API_PASSWORD: randomBytes(16).toString('hex'),
    REDIS_WORKER_PASSWORD: randomBytes(16).toString('hex'),
    STACKS_ROOT: world.root,
    DOCKER_SOCKET: engine.dockerHost.replace('unix://', ''),
    PORT: String(port),
    WORKER_NAME: project,
    RATE_LIMIT_PER_MIN: '0',
    READ_RATE_LIMIT_PER_MIN: '0',
    ...more,
  }
  const envFile = join(world.root, `.${project}.env`)
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
  writeFileSync(envFile, lines.join(''))
  const compose = (...args: string[]) =>
    command('docker', ['compose', '-p', project, '--env-file', envFile, ...args], { DOCKER_HOST: engine.dockerHost }, REPOSITORY)
  const container = async (part: Part) => (await compose('ps', '-aq', part)).trim()
  const client = createClient(`http://127.0.0.1:${port}`, world.secret)
  const shipped: Shipped = {
    client,
    project,
    settings,
    compose,
    inspect: async (part) => JSON.parse(await engine.docker('inspect', await container(part)))[0],
    // By the engine, not by its process: the engine would bring back what ends by itself.
    async stop(part, signal) {
      const id = await container(part)
      await engine.docker('kill', '--signal', signal, id)
      await engine.docker('wait', id)
    },
    start: async (part) => void (await engine.docker('start', await container(part))),
    // Not by `docker pause`: an engine that has to end with such a container hangs.
    async freeze(part) {
      const id = await container(part)
      const pids = (await engine.docker('top', id, '-eo', 'pid')).split('\n').map(Number).filter(Boolean)
      for (const pid of pids) signalProcess(pid, 'SIGSTOP')
      return () => pids.forEach((pid) => signalProcess(pid, 'SIGCONT'))
    },
    // With its file: by its name alone, Compose 2.26 takes nothing down whose Redis has no container.
    close: async () => void (await compose('-f', 'docker-compose.yml', 'down', '--volumes', '--timeout', '5').catch(() => undefined)),
  }
  try {
    await compose('up', '-d', '--wait')
    await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)
  } catch (error) {
    const logs = await compose('logs', '--tail', '20').catch(() => '')
    await shipped.close()
    throw new Error(`docker-compose.yml does not come up: ${(error as Error).message}\n${logs}`, { cause: error })
  }
  return shipped
}
