import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild, type Child } from './child.ts'
import { command } from './command.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

/** A Redis on the loopback address that can be killed and started again with its data. */
export interface LabRedis {
  url: string
  /** Its process. */
  pid(): number
  /** One command, its answer as redis-cli prints it. */
  cli(...args: string[]): Promise<string>
  start(): Promise<void>
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Takes its data away, while it is stopped. */
  empty(): void
  /** Freezes it: it takes connections and answers nothing. */
  signal(signal: NodeJS.Signals): void
  close(): Promise<void>
}

/** @param program Its command line, where it is not the machine's own. */
export async function startRedis([file = '', ...args]: string[] = ['redis-server']): Promise<LabRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'deployer-lab-redis-'))
  const port = String(await freePort())
  let child: Child | undefined
  const cli = (...args: string[]) => command('redis-cli', ['-p', port, ...args])
  const redis: LabRedis = {
    url: `redis://127.0.0.1:${port}`,
    cli,
    pid: () => child?.process.pid ?? 0,
    async start() {
      const persistence = ['--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
      child = startChild(file, [...args, '--bind', '127.0.0.1', '--port', port, ...persistence], { PATH: process.env['PATH'] })
      await until('Redis', async () => (await cli('ping')).trim() === 'PONG')
    },
    async stop(signal = 'SIGTERM') {
      await child?.stop(signal)
    },
    empty() {
      rmSync(folder, { recursive: true })
      mkdirSync(folder)
    },
    signal(signal) {
      child?.process.kill(signal)
    },
    async close() {
      child?.process.kill('SIGCONT')
      await child?.stop('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await redis.start()
  return redis
}
