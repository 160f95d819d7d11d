import type { ReleaseSummary } from '@deployer/shared/releases'

/** What one service of a release has that the other's has not. */
export interface ServiceDifference {
  service: string
  kind: 'added' | 'removed' | 'image'
  from: ReleaseSummary['services'][string] | null
  to: ReleaseSummary['services'][string] | null
}

/** How a release differs from another one, as far as is told of them: services and images. */
export function differenceOf(before: ReleaseSummary, after: ReleaseSummary): ServiceDifference[] {
  const names = [...new Set([...Object.keys(before.services), ...Object.keys(after.services)])].sort()
  return names.flatMap((service): ServiceDifference[] => {
    const from = before.services[service] ?? null
    const to = after.services[service] ?? null
    if (from === null || to === null) return [{ service, kind: from === null ? 'added' : 'removed', from, to }]
    return from.image === to.image && from.digest === to.digest ? [] : [{ service, kind: 'image', from, to }]
  })
}
