import type { ComposeProject } from '../steps/config.ts'

/** Shorter values are struck out only under a name that says secret: they stand in too many other words. */
const SHORTEST = 4
const SHORTEST_NAMED = 3
const SAYS_SECRET = /pass|secret|token|key|pwd|pin|cred|auth|salt|private/i
const NO_SECRETS = new Set(['true', 'false', 'null', 'none', 'latest', 'production', 'info', 'debug', 'warn', 'error', 'always'])

/**
 * The values of a stack that no output may show: all of its `.env`, and what its services get under a name that says secret.
 * The names of stack, project and services are no secrets: every answer shows them.
 *
 * @param project The resolved compose file, as soon as it is known.
 */
export function stackSecrets(stack: string, dotEnv: Record<string, string>, project: ComposeProject | null): string[] {
  const services = Object.entries(project?.services ?? {})
  const open = [stack, project?.name ?? '', ...services.map(([name]) => name)]
  const named = services.flatMap(([, service]) => Object.entries(service.environment).filter(([name]) => SAYS_SECRET.test(name)))
  return [...Object.entries(dotEnv), ...named]
    .filter(([name, value]) => isSecret(name, value))
    .map(([, value]) => value)
    .filter((value) => !open.includes(value))
}

function isSecret(name: string, value: string): boolean {
  if (SAYS_SECRET.test(name)) return value.length >= SHORTEST_NAMED
  return value.length >= SHORTEST && !NO_SECRETS.has(value.toLowerCase())
}
