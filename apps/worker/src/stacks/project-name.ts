import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'

/** The variables of a stack's `.env`; empty where there is none. */
export function readDotEnv(dir: string): Record<string, string> {
  try {
    return parseEnv(readFileSync(join(dir, '.env'), 'utf8')) as Record<string, string>
  } catch {
    return {}
  }
}

/**
 * The project name that compose gives a folder whose file has no `name:`; lower case letters, digits, `_` and `-`,
 * starting with a letter or digit (https://docs.docker.com/compose/how-tos/project-name/).
 */
export function defaultProjectName(stack: string, dotEnv: Record<string, string>): string {
  const name = dotEnv['COMPOSE_PROJECT_NAME'] || stack
  return name
    .toLowerCase()
    .replaceAll(/[^-_a-z0-9]/g, '')
    .replace(/^[_-]+/, '')
}
