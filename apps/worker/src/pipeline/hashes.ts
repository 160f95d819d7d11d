import { fromKept } from '../converge/compose-args.ts'
import type { Tools } from '../converge/tools.ts'
import type { Journal } from '../journal/journal.ts'
import { isSameDefinition, type ComposeService, type Release } from '../release/release.ts'
import type { Draft } from './what-runs.ts'

/**
 * The same with compose's own hash of each service's definition, which it compares with the label of the containers that run. Taken from what is
 * known to run where the definition is the same, since compose takes as long for this as for reading the files.
 */
export async function withHashes(tools: Tools, draft: Draft, current: Release | null, signal: AbortSignal): Promise<Draft> {
  const isKnown =
    current?.lost.length === 0 && current.hashedBy === draft.hashedBy && isSameDefinition(current.definition, draft.definition)
  const found = isKnown ? ownHashes(current) : await askHashes(tools, draft, signal)
  const services = Object.entries(draft.services).map(([service, one]) => [service, { ...one, hashes: asList(found[service] ?? null) }])
  return { ...draft, services: Object.fromEntries(services) as Draft['services'] }
}

/**
 * A kept release with the hashes that today's compose gives, before those that it had: an update of Deployer brings another compose. Without an
 * answer it stays as it is.
 */
export async function renewHashes(tools: Tools, journal: Journal, release: Release): Promise<Release> {
  if (release.hashedBy === tools.compose.identity) return release
  const signal = tools.clock.timeout(tools.limits.configTimeout * 1000)
  const found = await askHashes(tools, release, signal).catch(() => null)
  if (found === null) return release
  const services = Object.entries(release.services).map(([service, one]) => {
    const hash = found[service] ?? null
    return [service, { ...one, hashes: hash === null ? one.hashes : [...new Set([hash, ...(one.hashes ?? [])])] }]
  })
  const renewed = { ...release, hashedBy: tools.compose.identity, services: Object.fromEntries(services) as Release['services'] }
  journal.replaceHashes(renewed)
  return renewed
}

/** A release as `up` makes it: a container that another compose has made is made anew. */
export function asMadeNow<T extends Draft | Release>(release: T): T {
  const own = ownHashes(release)
  const services = Object.entries(release.services).map(([service, one]) => [service, { ...one, hashes: asList(own[service] ?? null) }])
  return { ...release, services: Object.fromEntries(services) as T['services'] }
}

function ownHashes({ services }: Draft | Release): Record<string, string | null> {
  return Object.fromEntries(Object.entries(services).map(([service, { hashes }]) => [service, hashes?.[0] ?? null]))
}

function asList(hash: string | null): string[] | null {
  return hash === null ? null : [hash]
}

/**
 * Compose's hashes. Of what was resolved, not of
 * the files: those give another value for a service with an `env_file` (seen with 2.26).
 *
 * @returns By service; `null` where `up` puts a container's id into the definition, so that the hash cannot be told beforehand.
 */
async function askHashes(
  { compose, paths, lockFd }: Pick<Tools, 'compose' | 'paths' | 'lockFd'>,
  release: Pick<Release, 'project' | 'projectDir' | 'definition' | 'environment'>,
  signal: AbortSignal,
): Promise<Record<string, string | null>> {
  const said: string[] = []
  const { args, ...input } = fromKept(release as Release)
  const { exitCode, stdout } = await compose.run(paths, [...args, 'config', '--hash', '*'], {
    ...input,
    signal,
    onLine: (line) => said.push(line),
    keepStdout: true,
    lockFd,
  })
  if (exitCode !== 0) throw new Error(`compose could not tell the hashes of the services: ${said.at(-1) ?? ''}`)
  const found: Record<string, string | null> = {}
  for (const line of stdout.split('\n')) {
    const [service = '', hash = ''] = line.trim().split(' ')
    const definition = release.definition.services[service]
    if (definition) found[service] = namesContainer(definition) ? null : hash
  }
  return found
}

function namesContainer({ network_mode, ipc, pid, volumes_from }: ComposeService): boolean {
  return [network_mode, ipc, pid].some((mode) => mode?.startsWith('service:')) || (volumes_from?.length ?? 0) > 0
}
