import { accessSync, constants, existsSync, openSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from '@deployer/shared/finding'
import { findCompose } from '../adapters/compose-cli.ts'
import { EngineHttp } from '../adapters/engine-http.ts'
import { runProcess } from '../process/run-process.ts'

type Say = (finding: Finding) => void

/** The engine's API from 1.41 on (20.10); older ones are out of support. */
const OLDEST_ENGINE = 20
/** Compose has had `pull --ignore-buildable` since 2.17, `--progress` since 2.20. */
const OLDEST_COMPOSE = [2, 20] as const
const PATIENCE = 5000

/** The programs that a worker starts besides compose. */
export function checkPrograms(env: NodeJS.ProcessEnv, say: Say): void {
  if (!onPath(env, 'flock')) {
    say({ level: 'mend', what: 'flock was not found on PATH', todo: 'It keeps two deploys of a stack apart. Install util-linux.' })
  }
}

/** Whether a program is on PATH. */
export function onPath(env: NodeJS.ProcessEnv, program: string): boolean {
  return (env['PATH'] ?? '').split(':').some((dir) => dir !== '' && existsSync(join(dir, program)))
}

/** The engine's socket, rights to it, and its version. */
export async function checkEngine(env: NodeJS.ProcessEnv, say: Say): Promise<void> {
  const dockerHost = env['DOCKER_HOST'] || 'unix:///var/run/docker.sock'
  const socket = dockerHost.startsWith('unix://') ? dockerHost.slice('unix://'.length) : null
  if (socket !== null && !existsSync(socket)) {
    say({
      level: 'mend',
      what: `There is no Docker socket at ${socket}`,
      todo: 'Is Docker running? In a container: -v /var/run/docker.sock:/var/run/docker.sock. Elsewhere: DOCKER_HOST.',
    })
    return
  }
  if (socket !== null && !mayUse(socket)) {
    say({ level: 'mend', what: `This user may not use ${socket}`, todo: 'Run as root, or as a member of the group that owns the socket.' })
    return
  }
  try {
    const version = await new EngineHttp(dockerHost).json<{ Version: string }>('GET', '/version', AbortSignal.timeout(PATIENCE))
    if (Number.parseInt(version.Version, 10) >= OLDEST_ENGINE)
      say({ level: 'ok', what: `Docker Engine ${version.Version} answers at ${dockerHost}`, todo: '' })
    else
      say({
        level: 'mend',
        what: `Docker Engine ${version.Version} is too old`,
        todo: `Install ${OLDEST_ENGINE}.10 or newer: https://docs.docker.com/engine/install/`,
      })
  } catch (error) {
    say({ level: 'mend', what: (error as Error).message.replace(/\.$/, ''), todo: `Is it running? It was asked at ${dockerHost}.` })
  }
}

function mayUse(socket: string): boolean {
  try {
    accessSync(socket, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** The compose plugin and its version. */
export async function checkCompose(env: NodeJS.ProcessEnv, say: Say): Promise<void> {
  const todo = `Install Compose v${OLDEST_COMPOSE.join('.')} or newer: https://docs.docker.com/compose/install/linux/`
  const program = findCompose(env)
  if (program === null) return say({ level: 'mend', what: 'The Docker Compose plugin was not found', todo })
  const version = await readVersion(program, env)
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const oldEnough = major > OLDEST_COMPOSE[0] || (major === OLDEST_COMPOSE[0] && minor >= OLDEST_COMPOSE[1])
  if (oldEnough) say({ level: 'ok', what: `Docker Compose ${version} at ${program}`, todo: '' })
  else say({ level: 'mend', what: `Docker Compose at ${program} is ${version || 'of an unknown version'}`, todo })
}

async function readVersion(program: string, env: NodeJS.ProcessEnv): Promise<string> {
  let output = ''
  const nothing = openSync('/dev/null', 'r')
  try {
    const options = {
      env: { PATH: env['PATH'] ?? '' },
      signal: AbortSignal.timeout(PATIENCE),
      inheritFd: nothing,
    }
    await runProcess(program, ['version', '--short'], { ...options, onStdout: (text) => (output += text) })
  } catch {
    // A file that cannot be run has no version.
  } finally {
    closeSync(nothing)
  }
  return output.trim().replace(/^v/, '')
}
