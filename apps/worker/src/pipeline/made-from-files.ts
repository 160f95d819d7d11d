import type { Tools } from '../converge/tools.ts'
import type { Container } from '../ports.ts'
import type { Draft } from './what-runs.ts'

/** Gives the definition that a container was made from, where that can be shown to be what the stack's files say now. */
export type MadeFromFiles = (container: Container) => Promise<Draft | null>

/**
 * For containers that another compose has made: it may have given the same definition another hash. What it read is what the files say now if
 * none of them has changed since, and if the container has the environment that they give it: a variable of somebody's shell could have been in it.
 *
 * @param files What the stack's files say now.
 */
export function createMadeFromFiles({ engine, compose, lastChange }: Tools, files: Draft, signal: AbortSignal): MadeFromFiles {
  let changed: number | null | undefined
  return async ({ id, service, composeVersion, configFiles }) => {
    const definition = files.definition.services[service]
    if (!definition || composeVersion === compose.version || configFiles.includes('-')) return null
    changed ??= lastChange(files)
    if (changed === null) return null
    const { createdAt, environment } = await engine.spec(id, signal)
    const has = new Set(environment)
    const asGiven = Object.entries(definition.environment ?? {}).every(([name, value]) => value === null || has.has(`${name}=${value}`))
    return asGiven && changed < Date.parse(createdAt) ? files : null
  }
}
