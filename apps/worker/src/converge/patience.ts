import type { ComposeService, Release } from '../release/release.ts'

const UNITS: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** A duration as compose writes it (`1m30s`, or nanoseconds as a number), in milliseconds; 0 for what is none. */
export function milliseconds(duration: unknown): number {
  if (typeof duration === 'number') return duration / 1e6
  if (typeof duration !== 'string') return 0
  return [...duration.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0),
    0,
  )
}

/** How long a service without a health check has to run without a restart. @param steadyTime Seconds, for those that say nothing. */
export function steadyMilliseconds(definition: ComposeService | undefined, steadyTime: number): number {
  const own = definition?.deploy?.update_config?.monitor
  return own === undefined || own === null ? steadyTime * 1000 : milliseconds(own)
}

/** Seconds that proving may take: the slowest of the services may start for as long as its health check allows. */
export function provingSeconds(
  release: Release,
  services: Iterable<string>,
  { healthTimeout, steadyTime }: { healthTimeout: number; steadyTime: number },
): number {
  let more = 0
  for (const service of services) {
    const definition = release.definition.services[service]
    const check = definition?.healthcheck
    const own = check ? milliseconds(check.start_period) + milliseconds(check.interval) : steadyMilliseconds(definition, steadyTime)
    more = Math.max(more, own)
  }
  return healthTimeout + Math.ceil(more / 1000)
}
