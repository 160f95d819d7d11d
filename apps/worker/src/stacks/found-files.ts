import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { StackPaths } from '../ports.ts'
import { readDotEnv } from './project-name.ts'

/** The files that compose looks for, in its order, and what may lie beside each. */
export const COMPOSE_FILES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml']
export const OVERRIDES = ['compose.override.yml', 'compose.override.yaml', 'docker-compose.override.yml', 'docker-compose.override.yaml']

/** The files that compose finds by itself in a stack's folder, as the host calls them. */
export function foundFiles(paths: StackPaths): string[] {
  const named = readDotEnv(paths.dir)['COMPOSE_FILE']
  if (named) return named.split(readDotEnv(paths.dir)['COMPOSE_PATH_SEPARATOR'] || ':').map((file) => join(paths.workingDir, file))
  const first = (names: string[]) => names.find((name) => existsSync(join(paths.dir, name)))
  return [first(COMPOSE_FILES), first(OVERRIDES)].flatMap((name) => (name === undefined ? [] : [join(paths.workingDir, name)]))
}
