import type { JobData } from '@deployer/shared/job-data'
import type { Container, Engine } from '../ports.ts'
import { isRunning } from '../release/compare.ts'
import { bareDigests } from './resolve-images.ts'

/**
 * What watching has asked for, without the services that run something else by now than what was to be replaced: what somebody has brought
 * meanwhile may be newer.
 *
 * @param own The stack's containers.
 * @returns `null` where nothing is left of it.
 */
export async function withoutOvertaken(engine: Engine, job: JobData, own: Container[], signal: AbortSignal): Promise<JobData | null> {
  const { only, replaces } = job
  if (!only || !replaces) return job
  const left: Record<string, string> = {}
  for (const [service, digest] of Object.entries(only)) {
    const mine = own.filter((one) => one.service === service)
    const [container] = mine.filter(isRunning).concat(mine)
    const names = container ? ((await engine.image(container.imageId, signal))?.digests ?? []) : []
    const running = bareDigests(names)
    const known = replaces[service] ?? []
    const isSame = known.length === 0 ? running.length === 0 : running.some((one) => known.includes(one))
    if (!container || isSame || running.includes(digest)) left[service] = digest
  }
  return Object.keys(left).length === 0 ? null : { ...job, only: left }
}
