import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What whoever lists processes has seen of the programs that a script started. */
export interface Spies {
  /** The PATH on which they are. */
  path: string
  /** Their arguments, each in a line of its own, and their environments. */
  args(): string
  env(): string
}

const PROGRAMS = ['curl', 'openssl', 'jq', 'od', 'cut', 'tr', 'date', 'sed', 'grep', 'sleep', 'mktemp', 'rm']

/** Puts a spy before each program that a script may start. */
export function spyPrograms(folder: string): Spies {
  mkdirSync(folder, { recursive: true })
  const [args, env] = [join(folder, '.args'), join(folder, '.env')]
  for (const program of PROGRAMS) {
    const real = execFileSync('which', [program], { encoding: 'utf8' }).trim()
    const file = join(folder, program)
    writeFileSync(file, `#!/bin/sh\nprintf '%s\\n' ${program} "$@" >> ${args}\nenv >> ${env}\nexec ${real} "$@"\n`)
    chmodSync(file, 0o755)
  }
  const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '')
  return { path: `${folder}:${process.env['PATH']}`, args: () => read(args), env: () => read(env) }
}
