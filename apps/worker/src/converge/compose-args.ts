import type { ComposeOptions } from '../ports.ts'
import type { Release } from '../release/release.ts'

/** How compose is told what to work on. */
export type ComposeInput = Pick<ComposeOptions, 'input' | 'environment'> & { args: string[] }

/** A release from the stack's own files, as its operator would run it: so the labels of its containers keep naming these files. */
export function fromFiles({
  project,
  projectDir,
  files,
  envFiles,
}: Pick<Release, 'project' | 'projectDir' | 'files' | 'envFiles'>): ComposeInput {
  const named = [...files.flatMap((file) => ['-f', file]), ...envFiles.flatMap((file) => ['--env-file', file])]
  // Compose would take the folder of the first file.
  const folder = files.length > 0 ? ['--project-directory', projectDir] : []
  return { args: ['-p', project, ...folder, ...named] }
}

/**
 * A release from what was kept of it. Every service in it was active, so all profiles are; compose would skip those of a profile otherwise.
 */
export function fromKept({ project, projectDir, definition, environment }: Release): ComposeInput {
  return {
    args: ['-p', project, '--project-directory', projectDir, '--profile', '*', '-f', '-'],
    input: JSON.stringify(definition),
    environment,
  }
}
