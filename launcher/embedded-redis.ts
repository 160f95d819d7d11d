import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SettingsError } from '@deployer/shared/settings'

/** A Redis of this process's own. */
export interface EmbeddedRedis {
  url: string
  stop(): Promise<void>
}

/** A Redis that ends by itself is started again after this many milliseconds. */
const RESTART_AFTER = 200

/**
 * Starts a private `redis-server`: on a Unix socket that only this user can open, on no port, with an append-only file that is
 * flushed before each answer. It is started again if it dies, and the kernel ends it when this process dies, however that happens.
 *
 * @param dataDir DATA_DIR; the file is in its subfolder `redis`, of which `flock` lets one process have the use.
 * @throws {SettingsError} when the folder cannot be written or the program is not there.
 */
export async function startEmbeddedRedis(dataDir: string, searchPath: string): Promise<EmbeddedRedis> {
  const folder = join(resolve(dataDir), 'redis')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new SettingsError(`DATA_DIR is "${dataDir}", which cannot be written: ${(error as Error).message}`)
  }
  // Not in the data folder: the path of a Unix socket has 107 bytes at most.
  const socketDir = mkdtempSync(join(tmpdir(), 'deployer-redis-'))
  const socket = join(socketDir, 'redis.sock')
  let stopping = false
  let server = launch(folder, socket, searchPath)

  function watch(): void {
    server.once('exit', (code) => {
      if (stopping) return
      process.stderr.write(`The embedded Redis ended (${code}); it is started again.\n`)
      setTimeout(() => {
        if (stopping) return
        server = launch(folder, socket, searchPath)
        watch()
      }, RESTART_AFTER)
    })
  }

  await untilSocket(server, socket)
  watch()
  return {
    url: `unix:${socket}`,
    async stop() {
      stopping = true
      if (server.exitCode === null && server.signalCode === null) {
        server.kill('SIGTERM')
        await once(server, 'exit')
      }
      rmSync(socketDir, { recursive: true, force: true })
    },
  }
}

/**
 * setpriv asks the kernel for the signal at its parent's death; flock waits for an earlier Redis of the same folder to end and
 * holds the folder for this one. Both replace themselves by the next program, so that Redis is a direct child.
 */
function launch(folder: string, socket: string, searchPath: string): ChildProcess {
  const redis = ['redis-server', '--port', '0', '--unixsocket', socket, '--unixsocketperm', '700', '--dir', folder]
  const persistence = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--maxmemory-policy', 'noeviction']
  const holder = ['flock', '--no-fork', '--timeout', '20', folder]
  return spawn('setpriv', ['--pdeathsig', 'TERM', ...holder, ...redis, ...persistence, '--loglevel', 'warning'], {
    env: { PATH: searchPath },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

async function untilSocket(server: ChildProcess, socket: string): Promise<void> {
  let failure = ''
  server.once('error', (error) => (failure = error.message))
  while (!existsSync(socket)) {
    if (failure || server.exitCode !== null) {
      const why = failure || `it ended with ${server.exitCode}; is another Deployer using the same DATA_DIR?`
      throw new SettingsError(`REDIS_URL is not set and the embedded Redis did not start: ${why}. It needs redis-server and util-linux.`)
    }
    await delay(10)
  }
}
