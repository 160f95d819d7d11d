import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { parse } from 'yaml'
import type { StackPaths } from '../ports.ts'
import { foundFiles } from './found-files.ts'
import { here, type ProjectFiles } from './project-files.ts'

/** Hashes of what a stack's files say, by their paths from its folder. */
export type Contents = Record<string, string>

/** Bytes; what is larger is no file of definitions. */
const LARGEST_FILE = 1_048_576

/**
 * Reads what a stack's definition is made from: its compose files, those that they name by `env_file`, `extends` and `include`, and files of
 * variables. Comments, spaces and what is for other programs (`x-…`) do not count. A file whose name has a variable in it is not seen.
 *
 * @returns Also all that was looked for, there or not, as this process sees it.
 */
export function readContents(
  paths: StackPaths,
  { projectDir, files, envFiles }: ProjectFiles,
): { contents: Contents; lookedFor: string[] } {
  const contents: Contents = {}
  const lookedFor = new Set<string>()
  const read = <T>(path: string, understand: (text: string) => T): T | null => {
    if (lookedFor.has(path)) return null
    lookedFor.add(path)
    const text = readText(path)
    if (text === null) return null
    const said = understand(text)
    contents[relative(paths.dir, path)] = createHash('sha256').update(JSON.stringify(said)).digest('hex')
    return said
  }
  const readCompose = (path: string, base: string): void => {
    const said = read(path, definitions)
    if (!isObject(said)) return
    const services = Object.values(isObject(said['services']) ? said['services'] : {}).filter(isObject)
    for (const file of services.flatMap((service) => pathsIn(service['env_file']))) read(here(resolve(base, file), paths), variables)
    const others = [said['include'], ...services.map((service) => service['extends']).filter(isObject)].flatMap(pathsIn)
    for (const file of others.map((other) => here(resolve(base, other), paths))) readCompose(file, dirname(file))
  }
  const base = here(projectDir, paths)
  for (const file of files.length > 0 ? files : foundFiles(paths)) readCompose(here(file, paths), base)
  const named = envFiles.map((file) => here(file, paths))
  for (const file of named.length > 0 ? named : [join(paths.dir, '.env'), join(base, '.env')]) read(file, variables)
  return { contents, lookedFor: [...lookedFor] }
}

/** `null` where there is none that can be read. */
function readText(path: string): string | null {
  try {
    const stats = statSync(path)
    return stats.isFile() && stats.size <= LARGEST_FILE ? readFileSync(path, 'utf8') : null
  } catch {
    return null
  }
}

/** What a compose file says; the text itself where it is not valid. */
function definitions(text: string): unknown {
  try {
    const said: unknown = parse(text, { merge: true, logLevel: 'error' })
    if (!isObject(said)) return said
    const { services } = said
    if (!isObject(services)) return ours(said)
    return {
      ...ours(said),
      services: Object.fromEntries(Object.entries(services).map(([name, one]) => [name, isObject(one) ? ours(one) : one])),
    }
  } catch {
    return text
  }
}

/** Without the extensions, which compose passes over. */
function ours(said: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(said).filter(([name]) => !name.startsWith('x-')))
}

/** The lines of a file of variables that say something. */
function variables(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

/** The paths in what `env_file`, `include` and `extends` may be: one, several, or objects that have them. */
function pathsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.includes('$') ? [] : [value]
  if (Array.isArray(value)) return value.flatMap(pathsIn)
  return isObject(value) ? pathsIn(value['path'] ?? value['file']) : []
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
