import type { Release } from '../release/release.ts'

/**
 * The services in the groups in which `up` has to be run. One group is enough unless two services ran different images under one name: a
 * name can lead to one of them at a time. Those that others depend on come last, since `up` looks at what a service depends on too, and
 * would put it on the image of that group.
 *
 * @param services Those that `up` is about.
 */
export function groupByNames(release: Release, services: string[]): string[][] {
  const idsOf = new Map<string, Set<string>>()
  for (const { image, imageId } of Object.values(release.services)) idsOf.set(image, (idsOf.get(image) ?? new Set()).add(imageId))
  const isShared = (service: string) => (idsOf.get(release.services[service]?.image ?? '')?.size ?? 0) > 1
  const shared = services.filter(isShared).sort((a, b) => depth(release, b) - depth(release, a))
  const rest = services.filter((service) => !isShared(service))
  return [...(rest.length > 0 || shared.length === 0 ? [rest] : []), ...shared.map((service) => [service])]
}

/** How many services have to be there before a service, at most. */
function depth(release: Release, service: string, seen: string[] = []): number {
  if (seen.includes(service)) return 0
  const needed = Object.keys(release.definition.services[service]?.depends_on ?? {})
  return Math.max(0, ...needed.map((name) => 1 + depth(release, name, [...seen, service])))
}
