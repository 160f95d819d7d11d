import type { ChangeReason } from '@deployer/shared/job'
import type { Container } from '../ports.ts'
import type { Release, ServiceRelease } from './release.ts'

/** What has to happen to a service for its release to run. */
export interface ServicePlan {
  /** `stop`: it runs, and was stopped by hand in that release. */
  action: 'create' | 'recreate' | 'start' | 'stop' | 'remove' | 'keep'
  why: ChangeReason | null
  containers: Container[]
}

/** By service. */
export type Plan = Record<string, ServicePlan>

/** States in which a container serves, or tries to. */
const RUNNING = new Set(['running', 'restarting', 'paused'])

export function isRunning({ state }: Pick<Container, 'state'>): boolean {
  return RUNNING.has(state)
}

/** Whether a container does not do what it was made for. */
export function isBroken({ state, health, exitCode }: Pick<Container, 'state' | 'health' | 'exitCode'>): boolean {
  if (state === 'restarting' || state === 'dead' || health === 'unhealthy') return true
  return state === 'exited' && exitCode !== 0
}

/** Holds what runs against what should run. */
export function compare(release: Release, observed: Container[]): Plan {
  const plan: Plan = {}
  for (const [service, wanted] of Object.entries(release.services)) {
    plan[service] = compareService(
      wanted,
      observed.filter((container) => container.service === service),
    )
  }
  for (const container of observed) {
    if (container.service in release.services) continue
    const entry = (plan[container.service] ??= { action: 'remove', why: null, containers: [] })
    entry.containers.push(container)
  }
  return plan
}

function compareService(wanted: ServiceRelease, containers: Container[]): ServicePlan {
  if (wanted.stopped && containers.every(({ imageId }) => imageId === wanted.imageId)) {
    return { action: containers.some(isRunning) ? 'stop' : 'keep', why: null, containers }
  }
  if (containers.length === 0) return { action: wanted.count > 0 ? 'create' : 'keep', why: wanted.count > 0 ? 'missing' : null, containers }
  if (containers.some(({ imageId }) => imageId !== wanted.imageId)) return { action: 'recreate', why: 'image', containers }
  if (containers.some(({ configHash }) => wanted.hashes?.includes(configHash) === false)) {
    return { action: 'recreate', why: 'definition', containers }
  }
  if (containers.length < wanted.count) return { action: 'create', why: 'missing', containers }
  if (containers.length > wanted.count) return { action: 'recreate', why: 'definition', containers }
  if (!containers.every(isRunning)) return { action: 'start', why: 'stopped', containers }
  return { action: 'keep', why: null, containers }
}

/** Whether a service is as its release wants it, but for one that has ended after it was started: that is for `verify` to judge. */
export function holds({ action, containers }: ServicePlan): boolean {
  return action === 'keep' || (action === 'start' && containers.every(({ state }) => state !== 'created'))
}

/** The services that a way back has to touch: one that had ended by itself in that release need not run again. */
export function unlike(release: Release, plan: Plan): string[] {
  return Object.entries(plan)
    .filter(([service, { action, containers }]) => {
      if (action === 'keep') return false
      const mayEnd = release.services[service]?.mayEnd ?? false
      return !(action === 'start' && mayEnd && containers.every(({ state, exitCode }) => isRunning({ state }) || exitCode === 0))
    })
    .map(([service]) => service)
}
