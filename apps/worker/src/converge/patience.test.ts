import { expect, it } from 'vitest'
import type { Release } from '../release/release.ts'
import { milliseconds, provingSeconds, steadyMilliseconds } from './patience.ts'

it.each<[unknown, number]>([
  ['1m30s', 90_000],
  ['500ms', 500],
  ['2h', 7_200_000],
  ['1.5s', 1500],
  [3_000_000_000, 3000],
  [undefined, 0],
  ['nonsense', 0],
])('%s is so many milliseconds', (duration, expected) => {
  expect(milliseconds(duration)).toBe(expected)
})

it("a service's own monitor goes before the steady time", () => {
  expect(steadyMilliseconds({}, 10)).toBe(10_000)
  expect(steadyMilliseconds({ deploy: { update_config: { monitor: '3s' } } }, 10)).toBe(3000)
})

it('proving may take as long as the slowest service may start', () => {
  const services = { web: { healthcheck: { start_period: '5m0s', interval: '30s' } }, db: { deploy: { update_config: { monitor: '1s' } } } }
  const release = { definition: { name: 'x', services } } as unknown as Release
  expect(provingSeconds(release, ['web', 'db'], { healthTimeout: 120, steadyTime: 10 })).toBe(450)
  expect(provingSeconds(release, ['db'], { healthTimeout: 120, steadyTime: 10 })).toBe(121)
  expect(provingSeconds(release, ['unknown'], { healthTimeout: 120, steadyTime: 10 })).toBe(130)
})
