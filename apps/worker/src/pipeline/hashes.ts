import { fromKept } from '../converge/compose-args.ts'
import type { Tools } from '../converge/tools.ts'
import { isSameDefinition, type ComposeService, type Release } from '../release/release.ts'
import type { Draft } from './what-runs.ts'

/**
 * The same with compose's own hash of each service's definition, which it compares with the label of the containers that run. Taken from what is
 * known to run where the definition is the same, since compose takes as long for this as for reading the files.
 */
export async function withHashes(tools: Tools, draft: Draft, current: Release | null, signal: AbortSignal): Promise<Draft> {
  const isKnown =
    current?.lost.length === 0 && current.hashedBy === draft.hashedBy && isSameDefinition(current.definition, draft.definition)
  const known = isKnown ? Object.fromEntries(Object.entries(current.services).map(([service, { hash }]) => [service, hash])) : null
  const found = known ?? (await askHashes(tools, draft, signal))
  const services = Object.entries(draft.services).map(([service, one]) => [service, { ...one, hash: found[service] ?? null }])
  return { ...draft, services: Object.fromEntries(services) as Draft['services'] }
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
