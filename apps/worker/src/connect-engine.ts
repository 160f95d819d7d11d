import { SettingsError, type Settings } from '@deployer/shared/settings'
import type { Trace } from '@deployer/shared/telemetry'
import { createCompose, findCompose } from './adapters/compose-cli.ts'
import { createEngine } from './adapters/engine-api.ts'
import type { Compose, Engine } from './ports.ts'
import { ownContainerId } from './self/own-container.ts'
import { findHostRoot } from './stacks/find-host-root.ts'
import type { StacksRoot } from './stacks/locate-stack.ts'

/** The host, as a worker or a helper gets at it. */
export interface Host {
  engine: Engine
  compose: Compose
  root: StacksRoot
  /** The container that this process runs in, if it runs in one. */
  container: string | null
  dockerHost: string
}

/**
 * Finds compose, the engine and the stacks.
 *
 * @throws {SettingsError} when compose is not installed or DOCKER_HOST makes no sense.
 */
export async function connectEngine(settings: Settings, env: NodeJS.ProcessEnv, trace: Trace): Promise<Host> {
  const program = findCompose(env)
  if (program === null) {
    throw new SettingsError('The Docker Compose plugin was not found. Install it: https://docs.docker.com/compose/install/linux/')
  }
  const dockerHost = env['DOCKER_HOST'] || 'unix:///var/run/docker.sock'
  const engine = createEngine(dockerHost)
  const container = ownContainerId()
  const root = await findHostRoot(settings.STACKS_ROOT, settings.HOST_STACKS_ROOT, container, engine)
  return { engine, compose: createCompose(program, dockerHost, env, trace), root, container, dockerHost }
}
