import type { Tools } from '../converge/tools.ts'
import { fromFiles } from '../converge/compose-args.ts'
import { ComposeModel } from '../release/release.ts'
import type { ProjectFiles } from '../stacks/project-files.ts'
import type { StepContext, StepEnd } from './step.ts'

/** A stack's files, resolved. */
export interface Resolved {
  definition: ComposeModel
  /** Variables that have no value. */
  unset: string[]
  /** What the files' fingerprint was before they were read: whoever changes them meanwhile makes it another one. */
  fingerprint: string
  /** What they said then. */
  contents: Record<string, string>
}

/** Compose says so of each, on its standard error. */
const UNSET = /The \\?"([A-Za-z_][A-Za-z0-9_]*)\\?" variable is not set/

/**
 * Checks the stack's files. The resolved file holds secrets: it stays in memory, and none of it is printed.
 *
 * @param project Its name; `null`: the one that compose finds by itself.
 * @param files What to read, and what tells whether it has changed.
 */
export async function config(
  { compose, paths, lockFd, fingerprint, contents }: Pick<Tools, 'compose' | 'paths' | 'lockFd' | 'fingerprint' | 'contents'>,
  project: string | null,
  files: ProjectFiles,
  context: StepContext,
): Promise<StepEnd & { resolved: Resolved | null }> {
  const unset = new Set<string>()
  const before = { fingerprint: fingerprint(files), contents: contents(files) }
  const { args } = fromFiles({ project: project ?? '', ...files })
  const { exitCode, stdout } = await compose.run(paths, [...(project === null ? args.slice(2) : args), 'config', '--format', 'json'], {
    signal: context.signal,
    onLine(line) {
      const name = UNSET.exec(line)?.[1]
      if (name !== undefined) unset.add(name)
      context.log(line)
    },
    keepStdout: true,
    lockFd,
  })
  if (exitCode === null) return { how: 'killed', resolved: null }
  if (exitCode !== 0) return { how: 'exited', code: exitCode, resolved: null }
  const definition = ComposeModel.parse(JSON.parse(stdout))
  // A file that was cut off: `up` would fail, after everything that runs had been removed.
  if (Object.keys(definition.services).length === 0) {
    const says = 'the compose file has no service, or none whose profile is switched on'
    context.log(says)
    return { how: 'disproved', says, resolved: null }
  }
  return { how: 'exited', code: 0, resolved: { definition, unset: [...unset].sort(), ...before } }
}
