import type { Change } from '@deployer/shared/job'
import type { Container } from '../ports.ts'
import type { ComposeProject } from './config.ts'

/** Image id of each service's containers; of several, that of the first by name. */
export function imagesByService(containers: Container[]): Map<string, string> {
  const sorted = [...containers].sort((a, b) => (a.name < b.name ? 1 : -1))
  return new Map(sorted.map(({ service, imageId }) => [service, imageId]))
}

/** The services whose image is another one than before. */
export function listChanges(project: ComposeProject, before: Map<string, string>, after: Container[]): Change[] {
  return [...imagesByService(after)]
    .filter(([service, imageId]) => before.get(service) !== imageId)
    .map(([service, imageId]) => ({
      service,
      image: project.services[service]?.image ?? '',
      from: before.get(service) ?? null,
      to: imageId,
    }))
    .sort((a, b) => (a.service < b.service ? -1 : 1))
}
