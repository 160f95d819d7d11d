import { expect, it } from 'vitest'
import type { ContainerHealth } from '../ports.ts'
import { judge } from './verify.ts'

const now = 1_000_000
const container: ContainerHealth = {
  id: 'c',
  service: 'web',
  status: 'running',
  exitCode: 0,
  health: 'none',
  restartCount: 0,
  startedAt: now - 10_000,
}

it.each<[string, Partial<ContainerHealth>, boolean | null]>([
  ['runs for 3 s without a health check', { startedAt: now - 3000 }, true],
  ['has not run for 3 s yet', { startedAt: now - 2900 }, null],
  ['is healthy at once', { health: 'healthy', startedAt: now }, true],
  ['is still starting', { health: 'starting' }, null],
  ['is unhealthy', { health: 'unhealthy' }, false],
  ['restarts', { restartCount: 1 }, false],
  ['restarts now', { status: 'restarting', restartCount: 2, exitCode: 1 }, false],
  ['ended with 0', { status: 'exited' }, true],
  ['ended with 1', { status: 'exited', exitCode: 1 }, false],
  ['waits for another service', { status: 'created', startedAt: 0 }, null],
])('a container that %s', (_, state, ok) => {
  expect(judge({ ...container, ...state }, 0, now).ok).toBe(ok)
})

it('restarts of long ago do not count', () => {
  expect(judge({ ...container, restartCount: 3 }, 3, now).ok).toBe(true)
  expect(judge({ ...container, restartCount: 4 }, 3, now).ok).toBe(false)
})
