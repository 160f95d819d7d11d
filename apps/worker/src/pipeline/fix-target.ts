import type { Tools } from '../converge/tools.ts'
import type { Container } from '../ports.ts'
import { Refusal } from '../refusal.ts'
import { isRunning } from '../release/compare.ts'
import { imageName, replicas, type ComposeModel, type ServiceRelease } from '../release/release.ts'
import type { ProjectFiles } from '../stacks/project-files.ts'
import { readDotEnv } from '../stacks/project-name.ts'
import type { Resolved } from '../steps/config.ts'
import { digestOf, type createImageLookup } from './resolve-images.ts'
import type { Draft } from './what-runs.ts'

/** What a stack's files say, before it is known which images their names lead to. */
export function draftOf(tools: Tools, { definition, unset, fingerprint, contents }: Resolved, files: ProjectFiles): Draft {
  const services = Object.entries(definition.services).map(([service, one]): [string, ServiceRelease] => [
    service,
    {
      image: imageName(definition.name, service, one),
      imageId: '',
      digest: null,
      hashes: null,
      count: replicas(one),
      stopped: false,
      mayEnd: true,
    },
  ])
  return {
    version: 1,
    at: tools.clock.timestamp(),
    jobId: null,
    by: null,
    project: definition.name,
    ...files,
    definition,
    environment: environmentOf(tools, definition),
    unset,
    fingerprint,
    contents,
    hashedBy: tools.compose.identity,
    lost: [],
    services: Object.fromEntries(services),
  }
}

/**
 * Fixes which images a stack's names lead to now. From here on neither the registry nor the stack's files are asked again.
 *
 * @param own The containers that run: a service that has none may end by itself.
 * @throws {Refusal} where an image is not here.
 */
export async function fixImages(draft: Draft, own: Container[], image: ReturnType<typeof createImageLookup>): Promise<Draft> {
  const services: Record<string, ServiceRelease> = {}
  for (const [service, one] of Object.entries(draft.services)) {
    const found = await image(one.image)
    if (!found) {
      const built = draft.definition.services[service]?.build !== undefined
      const how = built ? `build it: docker compose build ${service}` : 'see what `pull` said'
      throw new Refusal('step_failed', `The image ${one.image} of "${service}" is not on this host, so nothing was changed: ${how}`)
    }
    const mayEnd = !own.some((container) => container.service === service && isRunning(container))
    services[service] = { ...one, imageId: found.id, digest: digestOf(one.image, found.digests), mayEnd }
  }
  return { ...draft, services }
}

/** What secrets and configs take from the environment, which for a deploy is the stack's `.env`. */
function environmentOf(tools: Tools, definition: ComposeModel): Record<string, string> {
  const dotEnv = readDotEnv(tools.paths.dir)
  const parts = [definition['secrets'], definition['configs']] as (Record<string, { environment?: unknown }> | undefined)[]
  const names = parts.flatMap((part) => Object.values(part ?? {}).map(({ environment }) => environment))
  return Object.fromEntries(names.flatMap((name) => (typeof name === 'string' && dotEnv[name] !== undefined ? [[name, dotEnv[name]]] : [])))
}
