import type { Change, PlannedService } from '@deployer/shared/job'
import type { Container } from '../ports.ts'
import type { Plan } from './compare.ts'
import type { Release } from './release.ts'

/** A change without what the images say of themselves. */
export type BareChange = Omit<Change, 'from_version' | 'to_version' | 'source'>

/**
 * The services whose containers are others than before, or would be.
 *
 * @param plan Of `after`, made before anything was changed.
 * @param now What runs in the end.
 * @param heading `before`: it was to be as it had been, so what was made anew just like that is none.
 */
export function listChanges(before: Release, after: Release, plan: Plan, now: Container[], heading: 'target' | 'before'): BareChange[] {
  const changes: BareChange[] = []
  for (const service of Object.keys(plan).sort()) {
    const { why = null, containers = [] } = plan[service] ?? {}
    const running = now.filter((container) => container.service === service)
    const kept = running.length === containers.length && running.every(({ id }) => containers.some((old) => old.id === id))
    if (kept) continue
    const old = before.services[service]
    // What ran, which is not the release before where an earlier job has left something else.
    const from = containers[0]?.imageId ?? old?.imageId ?? null
    const to = running[0]?.imageId ?? null
    const sameHash = running[0]?.configHash === containers[0]?.configHash
    if (heading === 'before' && from === to && sameHash && running.length === containers.length) continue
    const digestOf = (id: string | null) =>
      id === null ? null : ([after, before].map(({ services }) => services[service]).find((one) => one?.imageId === id)?.digest ?? null)
    const image = (to === null ? old?.image : after.services[service]?.image) ?? old?.image ?? ''
    changes.push({ service, image, why, from, to, from_digest: digestOf(from), to_digest: digestOf(to) })
  }
  return changes
}

/** The services that were to have other containers, whether they came to it or not; one that is only started keeps its own. */
export function listWanted(before: Release, after: Release, plan: Plan): BareChange[] {
  return Object.entries(plan)
    .filter(([, { action }]) => action === 'create' || action === 'recreate' || action === 'remove')
    .map(([service, { why, containers }]) => {
      const [old, wanted] = [before.services[service], after.services[service]]
      const from = containers[0]?.imageId ?? old?.imageId ?? null
      const image = (wanted ?? old)?.image ?? ''
      const from_digest = from !== null && from === old?.imageId ? old.digest : null
      return { service, image, why, from, to: wanted?.imageId ?? null, from_digest, to_digest: wanted?.digest ?? null }
    })
    .sort((a, b) => (a.service < b.service ? -1 : 1))
}

/** A plan, as it is told. */
export function describePlan(before: Release, after: Release, plan: Plan): PlannedService[] {
  return Object.entries(plan)
    .map(([service, { action, why, containers }]): PlannedService => {
      const old = before.services[service]
      const wanted = after.services[service]
      const from = containers.length === 0 ? null : (old?.digest ?? containers[0]?.imageId ?? null)
      const to = wanted === undefined ? null : (wanted.digest ?? wanted.imageId)
      return {
        service,
        image: (wanted ?? old)?.image ?? '',
        action: action === 'stop' ? 'keep' : action,
        why,
        from,
        to: to === '' ? null : to,
      }
    })
    .sort((a, b) => (a.service < b.service ? -1 : 1))
}
