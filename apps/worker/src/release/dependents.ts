import type { Plan } from './compare.ts'
import type { ComposeModel, ComposeService } from './release.ts'

/** The first Compose that leaves services as they are whose dependency it makes anew. */
const LEAVES_DEPENDENTS = [2, 29, 4]

/**
 * A plan with the services that compose makes anew since it does so with another one: those that are in a namespace of its container or use its volumes,
 * and, before Compose 2.29.4, everything that depends on it.
 *
 * @param version Of the compose that will do it, as `2.40.3`.
 */
export function withDependents(plan: Plan, { services }: ComposeModel, version: string): Plan {
  const whole = { ...plan }
  const needs = isBefore(version, LEAVES_DEPENDENTS) ? dependencies : sharesWith
  for (let grown = true; grown;) {
    grown = false
    for (const [service, definition] of Object.entries(services)) {
      const own = whole[service]
      if (!own || own.containers.length === 0 || !['keep', 'start'].includes(own.action)) continue
      if (!needs(definition).some((other) => whole[other] && isMadeAnew(whole[other]))) continue
      whole[service] = { ...own, action: 'recreate', why: 'definition' }
      grown = true
    }
  }
  return whole
}

function isMadeAnew({ action, containers }: Plan[string]): boolean {
  return action === 'recreate' || (action === 'create' && containers.length === 0)
}

/** The services whose namespaces or volumes a definition uses. */
function sharesWith({ network_mode, ipc, pid, volumes_from }: ComposeService): string[] {
  const modes = [network_mode, ipc, pid].flatMap((mode) => (mode?.startsWith('service:') ? [mode.slice('service:'.length)] : []))
  const volumes = (volumes_from ?? []).filter((from) => !from.startsWith('container:')).map((from) => from.split(':')[0] ?? '')
  return [...modes, ...volumes]
}

function dependencies(definition: ComposeService): string[] {
  return [...Object.keys(definition.depends_on ?? {}), ...sharesWith(definition)]
}

/** The services that compose starts again when one of those named is made anew: `depends_on` with `restart: true`. */
export function restartedWith({ services }: ComposeModel, made: ReadonlySet<string>): string[] {
  return Object.entries(services).flatMap(([service, { depends_on }]) =>
    Object.entries(depends_on ?? {}).some(([other, { restart }]) => restart === true && made.has(other)) ? [service] : [],
  )
}

function isBefore(version: string, first: number[]): boolean {
  const numbers = version.split('.').map((part) => Number.parseInt(part, 10))
  for (const [index, wanted] of first.entries()) {
    const number = numbers[index] ?? 0
    if (number !== wanted) return number < wanted
  }
  return false
}
