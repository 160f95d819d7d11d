import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Container, StackPaths } from '../ports.ts'
import { Refusal } from '../refusal.ts'
import { COMPOSE_FILES, foundFiles, OVERRIDES } from './found-files.ts'
import { isWithin } from './own-containers.ts'

/** Which files a stack is made from. */
export interface ProjectFiles {
  projectDir: string
  /** Empty: those that compose finds by itself. */
  files: string[]
  envFiles: string[]
}

/**
 * The files that the running containers were started from, where they lie in the stack's folder; otherwise those that compose finds by itself.
 *
 * @param containers Those of the stack; what was read from standard input is not counted.
 * @param kept What is known to run, for containers that Deployer itself has made from it.
 * @throws {Refusal} `files_mismatch` where they lie elsewhere, or are gone.
 */
export function findProjectFiles(paths: StackPaths, containers: Container[], kept: ProjectFiles | null): ProjectFiles {
  const recorded = containers.filter(({ configFiles }) => configFiles.length > 0 && !configFiles.includes('-'))
  const found = foundFiles(paths)
  const [first] = recorded
  if (!first) {
    const { projectDir, files, envFiles } = kept ?? { projectDir: paths.workingDir, files: [], envFiles: [] }
    return { projectDir, files, envFiles }
  }
  const sets = new Map(recorded.map(({ configFiles, envFiles }) => [JSON.stringify([configFiles, envFiles]), { configFiles, envFiles }]))
  // Services that were started with other files than the rest: those of the most files have all of them.
  const [{ configFiles, envFiles } = { configFiles: [], envFiles: [] }] = [...sets.values()].sort(
    (a, b) => b.configFiles.length - a.configFiles.length,
  )
  const used = [...configFiles, ...envFiles]
  const lost = used.filter((file) => !isWithin(file, paths.workingDir) || !existsSync(here(file, paths)))
  if (lost.length > 0) {
    throw new Refusal(
      'files_mismatch',
      `The containers of "${paths.name}" were started from ${used.join(', ')}; of these, ${lost.join(', ')} ${lost.length > 1 ? 'are' : 'is'} gone or outside of ${paths.workingDir}. ` +
        `Compose would now use ${found.length > 0 ? found.join(', ') : 'no file at all'}, and change or remove what the others gave it. Put the files into the stack's folder, or start the stack from there once: ` +
        `cd ${paths.workingDir} && docker compose -p ${first.project} up -d`,
    )
  }
  const natural = JSON.stringify(configFiles) === JSON.stringify(found) && envFiles.every((file) => file === join(paths.workingDir, '.env'))
  return natural
    ? { projectDir: first.workingDir, files: [], envFiles: [] }
    : { projectDir: first.workingDir, files: configFiles, envFiles }
}

/** A path of the host's in the stack's folder, as this process sees it. */
export function here(file: string, paths: StackPaths): string {
  return isWithin(file, paths.workingDir) ? join(paths.dir, file.slice(paths.workingDir.length)) : file
}

/** Tells whether a stack's files are still the same, by what the file system says of them; a file that is not there counts too. */
export function fingerprint(paths: StackPaths, files: ProjectFiles): string {
  return readFrom(paths, files)
    .flatMap((file) => {
      const stats = statSync(file, { throwIfNoEntry: false, bigint: true })
      return stats ? [`${basename(dirname(file))}/${basename(file)} ${stats.ino} ${stats.size} ${stats.mtimeNs}`] : []
    })
    .join('\n')
}

/** The `name:` of a compose file, where it is a plain word. */
const PROJECT_NAME = /^name:\s*["']?([a-z0-9][a-z0-9_-]*)["']?\s*(?:#.*)?$/m

/** What the files call the project, where they say so in plain words; that of the last file counts, as for compose. */
export function namedProject(paths: StackPaths, { files }: ProjectFiles): string | null {
  const read = (files.length > 0 ? files : foundFiles(paths)).map((file) => here(file, paths)).filter((file) => existsSync(file))
  return read.map((file) => PROJECT_NAME.exec(readFileSync(file, 'utf8'))?.[1] ?? null).findLast((name) => name !== null) ?? null
}

/** Takes parts of a definition from files that are named nowhere else. */
const NAMES_OTHERS = /\b(?:include|extends)\b/

/**
 * When one of the files that a definition was read from changed last, by the host's clock, in milliseconds since 1970: their content, name or
 * rights, which unlike the time of their content nobody can set back. `null` where a file names others.
 */
export function lastChange(paths: StackPaths, files: ProjectFiles): number | null {
  let last = 0
  for (const file of readFrom(paths, files)) {
    const stats = statSync(file, { throwIfNoEntry: false })
    if (!stats) continue
    if (!basename(file).endsWith('.env') && NAMES_OTHERS.test(readFileSync(file, 'utf8'))) return null
    last = Math.max(last, stats.ctimeMs)
  }
  return last
}

/** The files that compose reads, as this process sees them, there or not. */
export function readFrom(paths: StackPaths, { projectDir, files, envFiles }: ProjectFiles): string[] {
  const natural = [...COMPOSE_FILES, ...OVERRIDES].map((name) => join(paths.dir, name))
  const known = [
    ...(files.length > 0 ? files.map((file) => here(file, paths)) : [...natural, ...foundFiles(paths).map((file) => here(file, paths))]),
    ...envFiles.map((file) => here(file, paths)),
    join(paths.dir, '.env'),
    join(here(projectDir, paths), '.env'),
  ]
  return [...new Set(known)]
}
