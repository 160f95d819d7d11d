import { expect, it } from 'vitest'
import type { ContainerHealth } from '../ports.ts'
import { judge, type Seen } from './judge.ts'

const now = 1_000_000
const container: ContainerHealth = {
  id: 'c',
  service: 'web',
  status: 'running',
  exitCode: 0,
  health: 'none',
  restartCount: 0,
  startedAt: '2026-01-01T00:00:00Z',
}
const seen: Seen = { startedAt: container.startedAt, since: now - 10_000, restarts: 0 }
const rules = { now, mayEnd: false, steady: 10_000 }

it.each<[string, Partial<ContainerHealth>, Partial<Seen>, boolean | null]>([
  ['has run for its steady time without a health check', {}, {}, true],
  ['has not run for it yet', {}, { since: now - 9_999 }, null],
  ['is healthy at once', { health: 'healthy' }, { since: now }, true],
  ['is still starting', { health: 'starting' }, { since: 0 }, null],
  ['is unhealthy', { health: 'unhealthy' }, {}, false],
  ['was restarted twice and is steady since', { restartCount: 2 }, {}, true],
  ['was restarted twice a moment ago', { restartCount: 2 }, { since: now - 10 }, null],
  ['restarts over and over', { restartCount: 3 }, {}, false],
  ['restarts over and over, and is just away', { status: 'restarting', restartCount: 3, exitCode: 1 }, {}, false],
  ['restarted long ago', { restartCount: 9 }, { restarts: 7 }, true],
  ['ended with 0 where it ran before', { status: 'exited' }, {}, false],
  ['ended with 1', { status: 'exited', exitCode: 1 }, {}, false],
  ['is dead', { status: 'dead', exitCode: 137 }, {}, false],
  ['waits for another service', { status: 'created' }, {}, null],
])('a container that %s', (_, state, known, ok) => {
  expect(judge({ ...container, ...state }, { ...seen, ...known }, rules).ok).toBe(ok)
})

it('may end with 0, and with nothing else, where it was no running service', () => {
  expect(judge({ ...container, status: 'exited' }, seen, { ...rules, mayEnd: true })).toEqual({ ok: true, says: 'completed' })
  expect(judge({ ...container, status: 'exited', exitCode: 2 }, seen, { ...rules, mayEnd: true }).ok).toBe(false)
})

it('is looked at again when its steady time is over', () => {
  expect(judge(container, { ...seen, since: now - 4000 }, rules)).toMatchObject({ ok: null, wait: 6000 })
})
