import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { COMPILE_CACHE } from '../launcher/node-options.mjs'

/** How a run of the command line ended. */
export interface CommandLineRun {
  code: number
  stdout: string
  stderr: string
}

const LAUNCHER = join(import.meta.dirname, '../launcher/deployer.ts')

/** Runs the command line `deployer` with an environment of its own. */
export function runDeployer(args: string[], env: Record<string, string | undefined>): Promise<CommandLineRun> {
  const clean = { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_COMPILE_CACHE: COMPILE_CACHE, ...env }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [LAUNCHER, ...args], { env: clean }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr })
    })
  })
}
