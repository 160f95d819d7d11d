import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Trace } from '@deployer/shared/telemetry'
import type { Compose, StackPaths } from '../ports.ts'
import { runProcess } from '../process/run-process.ts'
import { splitLines } from '../process/split-lines.ts'

/** Where the docker command line looks for its plugins. */
const PLUGIN_DIRS = [
  '/usr/local/lib/docker/cli-plugins',
  '/usr/local/libexec/docker/cli-plugins',
  '/usr/lib/docker/cli-plugins',
  '/usr/libexec/docker/cli-plugins',
]

/**
 * What of the worker's environment a compose process sees: nothing that could name another project, file or engine. And nothing of ours: a stack's
 * files take values from there, before those of `.env`. So Go's collector, whose `GOGC` would save a tenth of compose's time, stays as it is.
 */
const PASSED_ON = ['PATH', 'HOME', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy']

/**
 * Finds the compose plugin. Called directly it takes half the time that it takes through `docker compose`.
 *
 * @returns Its path, or `null` when it is not installed.
 */
export function findCompose(env: NodeJS.ProcessEnv): string | null {
  const dirs = env['HOME'] ? [join(env['HOME'], '.docker/cli-plugins'), ...PLUGIN_DIRS] : PLUGIN_DIRS
  return dirs.map((dir) => join(dir, 'docker-compose')).find((path) => existsSync(path)) ?? null
}

/** An answer that something else kept compose from giving (the kernel, out of memory) is asked for so many times in all. */
const MOST_TRIES = 3

/** The commands that are run, to name a span after. */
const COMMANDS = new Set(['config', 'pull', 'build', 'up'])

/**
 * Docker Compose as a child process.
 *
 * @param dockerHost The engine's address that the worker itself asks. Told to compose also where it is the usual one: otherwise
 *   the current docker context, of the user's or the stack's own configuration, could name another engine.
 */
export function createCompose(program: string, dockerHost: string, env: NodeJS.ProcessEnv, trace: Trace): Compose {
  const passedOn = Object.fromEntries(PASSED_ON.flatMap((name) => (env[name] ? [[name, env[name]]] : [])))
  const clean = { ...passedOn, DOCKER_HOST: dockerHost }
  const { size, mtimeMs } = statSync(program)
  return {
    identity: `${size}-${mtimeMs}`,
    version: execFileSync(program, ['version', '--short'], { encoding: 'utf8', env: clean }).trim().replace(/^v/, ''),
    async run(paths, args, { signal, onLine, keepStdout = false, input, environment = {}, lockFd }) {
      let kept: string[] = []
      const out = splitLines(onLine)
      const err = splitLines(onLine)
      const command = () =>
        runProcess(program, ['--ansi', 'never', '--progress', 'plain', ...args], {
          cwd: paths.workingDir,
          env: { ...environment, ...clean, ...environmentOf(paths) },
          ...(input === undefined ? {} : { input }),
          signal,
          inheritFd: lockFd,
          onStdout: keepStdout ? (text) => kept.push(text) : (text) => out.push(text),
          onStderr: (text) => err.push(text),
        })
      const traced = () => trace(`compose ${args.find((arg) => COMMANDS.has(arg)) ?? ''}`, { stack: paths.name }, command)
      let exitCode = await traced()
      // What only asks may be asked again.
      const most = keepStdout ? MOST_TRIES : 1
      for (let tries = 1; exitCode === null && !signal.aborted && tries < most; tries++) {
        kept = []
        exitCode = await traced()
      }
      out.flush()
      err.flush()
      return { exitCode, stdout: kept.join('') }
    },
  }
}

/**
 * PWD makes compose take the folder's name as it was given: Go believes it over the resolved path when both are the
 * same folder (https://pkg.go.dev/os#Getwd).
 */
function environmentOf(paths: StackPaths): Record<string, string> {
  const dockerConfig = join(paths.workingDir, '.docker')
  const own = existsSync(join(paths.dir, '.docker', 'config.json')) ? { DOCKER_CONFIG: dockerConfig } : {}
  return { PWD: paths.workingDir, ...own }
}
