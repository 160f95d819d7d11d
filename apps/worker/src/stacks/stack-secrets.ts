import { readFileSync, statSync } from 'node:fs'
import { secretsInText, secretsInWords } from './secrets-in-text.ts'

/** Shorter values are struck out only under a name that says secret: they stand in too many other words. */
const SHORTEST = 4
const SHORTEST_NAMED = 3
const SAYS_SECRET = /pass|secret|token|key|pwd|pin|cred|auth|salt|private/i
const SWITCHES = ['true', 'false', 'null', 'none']
const NO_SECRETS = [...SWITCHES, 'latest', 'production', 'info', 'debug', 'warn', 'error', 'always']
/** Bytes; what is larger is no password. */
const LARGEST_FILE = 65_536

/** Whether a variable, option or label with this name holds a secret. */
export const saysSecret = (name: string): boolean => SAYS_SECRET.test(name)

/**
 * The values of a stack that no output may show: all of its `.env` and of its services' environment (`env_file` included), whatever
 * stands under a name that says secret, passwords inside URLs and options, and the files of its secrets.
 * The names of stack, project and services are no secrets: every answer shows them.
 *
 * @param dotEnv The variables of the stack's `.env`.
 * @param model The resolved compose file, as `config --format json` gives it; `null` as long as it is not known.
 */
export function stackSecrets(stack: string, dotEnv: Record<string, string>, model: unknown): string[] {
  const services = Object.entries(record(record(model)['services']))
  const variables = [dotEnv, ...services.map(([, service]) => record(record(service)['environment']))].flatMap((one) => Object.entries(one))
  const values = variables.filter(([name, value]) => typeof value === 'string' && isSecret(name, value)).map(([, value]) => String(value))
  const files = Object.values(record(record(model)['secrets'])).flatMap((secret) => secretContent(record(secret), dotEnv))
  const inside = [...secretsWithin(dotEnv), ...secretsWithin(model), ...files].filter(
    (value) => value.trim().length >= SHORTEST_NAMED && !SWITCHES.includes(value.toLowerCase()),
  )
  const open = new Set<unknown>([stack, record(model)['name'], ...services.map(([name]) => name)])
  // Compose writes a dollar sign twice in what it resolves; programs see it once.
  const asSeen = [...values, ...inside].flatMap((value) => [value, value.replaceAll('$$', '$')])
  return [...new Set(asSeen)].filter((value) => !open.has(value))
}

function isSecret(name: string, value: string): boolean {
  if (saysSecret(name)) return value.length >= SHORTEST_NAMED && !SWITCHES.includes(value.toLowerCase())
  return value.length >= SHORTEST && !NO_SECRETS.includes(value.toLowerCase())
}

/** What a secret of the compose file is: the content of a file, or a variable of `.env`. */
function secretContent({ file, environment }: Record<string, unknown>, dotEnv: Record<string, string>): string[] {
  if (typeof environment === 'string') return [dotEnv[environment] ?? '']
  if (typeof file !== 'string') return []
  try {
    const stats = statSync(file)
    return stats.isFile() && stats.size <= LARGEST_FILE ? [readFileSync(file, 'utf8')] : []
  } catch {
    // Compose will say that it is not there.
    return []
  }
}

/** Every string of the model that a name or its own form tells to be secret. */
function secretsWithin(value: unknown, name = ''): string[] {
  if (typeof value === 'string') return [...(saysSecret(name) ? [value] : []), ...secretsInText(value, saysSecret)]
  if (Array.isArray(value)) {
    const words = value.filter((one) => typeof one === 'string')
    return [...secretsInWords(words, saysSecret), ...value.flatMap((one) => secretsWithin(one))]
  }
  return Object.entries(record(value)).flatMap(([key, one]) => secretsWithin(one, key))
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
