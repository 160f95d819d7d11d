import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** A command that did not end well. */
export class CommandFailed extends Error {}

/**
 * Runs a command to its end.
 *
 * @returns Its standard output.
 * @throws {CommandFailed} with both outputs when it ends with another code than 0.
 */
export async function command(file: string, args: string[], env: NodeJS.ProcessEnv = {}, cwd?: string): Promise<string> {
  try {
    const { stdout } = await execute(file, args, { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024, cwd })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new CommandFailed(`${file} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error })
  }
}
