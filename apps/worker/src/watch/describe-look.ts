import { IS_UNKNOWN, type Update } from '@deployer/shared/updates'
import type { StackLook } from './look-at-stacks.ts'
import type { WatchFile } from './memory.ts'

/** What a look has found, a line for each service. */
export function describeLook({ sightings, wishes }: StackLook, updates: Update[], { names }: WatchFile): string[] {
  if (wishes.problem !== null) return [`nothing is watched: ${wishes.problem}`]
  if (sightings.length === 0) return ['nothing to look for: no service runs, or all are pinned by a digest']
  return sightings.map(({ service, image }) => {
    const update = updates.find((one) => one.service === service)
    return `${service} ${image} ${update ? describe(update, names[image]?.problem ?? null) : 'is up to date'}`
  })
}

function describe({ state, available, eligible_at }: Update, problem: string | null): string {
  if (state === 'local') return 'has no registry'
  if (state === 'unknown') return `${IS_UNKNOWN}${problem ?? 'its registry was not asked yet'}`
  const when = eligible_at === null || state === 'pending' ? '' : ` until ${eligible_at}`
  return `has ${available?.slice(0, 19)} (${state}${when})`
}
