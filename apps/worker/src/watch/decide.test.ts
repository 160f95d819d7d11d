import { describe, expect, it } from 'vitest'
import { UpdateWindow } from '@deployer/shared/update-window'
import { decide, type Circumstances, type WatchedService } from './decide.ts'
import type { Seen } from './seen.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** A Wednesday. */
const NOW = Date.parse('2026-11-25T12:00:00Z')
const time = (at: number) => new Date(at).toISOString()
const ago = (hours: number) => time(NOW - hours * HOUR)
const seen = (...list: [digest: string, hours: number][]): Seen[] =>
  list.map(([digest, hours]) => ({ digest, at: ago(hours), offered: true }))

const web: WatchedService = {
  service: 'web',
  image: 'registry/app:latest',
  mode: 'update',
  running: ['a'],
  seen: seen(['a', 100], ['b', 10]),
  source: 'answered',
  skipped: null,
  quarantined: [],
}
const free: Circumstances = { now: NOW, zone: 'UTC', window: null, minAge: 0, settle: 0, hold: null }
const night = UpdateWindow.parse('02:00-05:00')

describe('one service', () => {
  it.each<[string, Partial<WatchedService>, Partial<Circumstances>, object | null, Record<string, string>]>([
    ['is up to date', { running: ['b'] }, {}, null, {}],
    ['is up to date by the digest of its platform', { running: ['z', 'b'] }, {}, null, {}],
    ['is deployed', {}, {}, { state: 'pending', running: 'a', available: 'b', first_seen: ago(10), eligible_at: ago(10) }, { web: 'b' }],
    ['is told of', { mode: 'notify' }, { minAge: DAY }, { state: 'notify', available: 'b', eligible_at: null }, {}],
    ['is too young', {}, { minAge: DAY }, { state: 'cooling', available: 'b', eligible_at: ago(-14) }, {}],
    ['is just old enough', {}, { minAge: 10 * HOUR }, { state: 'pending' }, { web: 'b' }],
    ['settles', {}, { settle: 11 * HOUR }, { state: 'settling', eligible_at: ago(-1) }, {}],
    ['waits for the window', {}, { window: night }, { state: 'window', eligible_at: '2026-11-26T02:00:00.000Z' }, {}],
    ['is deployed in the window', {}, { window: night, now: Date.parse('2026-11-26T03:00:00Z') }, { state: 'pending' }, { web: 'b' }],
    [
      'is too young, and then waits for the window',
      {},
      { window: night, minAge: 30 * HOUR },
      { state: 'cooling', eligible_at: '2026-11-27T02:00:00.000Z' },
      {},
    ],
    ['is held', {}, { hold: { until: null } }, { state: 'held', eligible_at: null }, {}],
    ['is held for a while', {}, { hold: { until: NOW + HOUR } }, { state: 'held', eligible_at: ago(-1) }, {}],
    ['was held', {}, { hold: { until: NOW - 1 } }, { state: 'pending' }, { web: 'b' }],
    ['is skipped', { skipped: 'b' }, {}, { state: 'skipped', available: 'b', eligible_at: null }, {}],
    [
      'was skipped, and the name has moved',
      { skipped: 'b', seen: seen(['a', 9], ['b', 8], ['c', 1]) },
      {},
      { state: 'pending', available: 'c' },
      { web: 'c' },
    ],
    ['is quarantined', { quarantined: ['b'] }, {}, { state: 'quarantined', available: 'b' }, {}],
    [
      'is quarantined, and what came before it is passed by',
      { quarantined: ['c'], seen: seen(['a', 9], ['b', 8], ['c', 1]) },
      {},
      { state: 'quarantined', available: 'c' },
      {},
    ],
    [
      'was quarantined, and the name has moved',
      { quarantined: ['b'], seen: seen(['a', 9], ['b', 8], ['c', 1]) },
      {},
      { state: 'pending' },
      { web: 'c' },
    ],
    [
      'was quarantined, and the new one is too young',
      { quarantined: ['b'], seen: seen(['a', 99], ['b', 80], ['c', 1]) },
      { minAge: DAY },
      { state: 'cooling', available: 'c' },
      {},
    ],
    [
      'is skipped, and what came before it is passed by',
      { skipped: 'c', seen: seen(['a', 9], ['b', 8], ['c', 1]) },
      {},
      { state: 'skipped', available: 'c' },
      {},
    ],
    [
      'was gone back from twice',
      { quarantined: ['c', 'b'], seen: seen(['a', 9], ['b', 8], ['c', 1]) },
      {},
      { state: 'quarantined', available: 'c' },
      {},
    ],
    ['runs what has come since its registry was asked', { running: ['x'] }, {}, null, {}],
    ['has no registry', { source: 'local' }, {}, { state: 'local', available: null, first_seen: null }, {}],
    ['got no answer, whatever was seen before', { source: 'unknown' }, {}, { state: 'unknown', running: 'a', available: null }, {}],
    ['runs an image without a digest', { running: [] }, {}, { state: 'pending', running: null }, { web: 'b' }],
    ['was never asked for', { seen: [] }, {}, null, {}],
  ])('%s', (_, service, circumstances, update, deploy) => {
    const decision = decide([{ ...web, ...service }], { ...free, ...circumstances })
    expect(decision.updates).toEqual(update === null ? [] : [expect.objectContaining({ service: 'web', image: web.image, ...update })])
    expect(decision.deploy).toEqual(deploy)
  })

  it.each<[string, Partial<WatchedService>, Partial<Circumstances>, number | null]>([
    ['could be deployed', {}, {}, null],
    ['settles', {}, { settle: 11 * HOUR }, NOW + HOUR],
    ['waits for the window', {}, { window: night }, Date.parse('2026-11-26T02:00:00Z')],
    ['is held for a while', {}, { hold: { until: NOW + HOUR } }, NOW + HOUR],
    ['is held', {}, { hold: { until: null } }, null],
    ['is told of', { mode: 'notify' }, {}, null],
    ['has nothing newer', { seen: seen(['a', 100]) }, {}, null],
  ])('whose registry does not answer now is asked for again when what was seen before %s', (what, service, circumstances, next) => {
    const decision = decide([{ ...web, source: 'unknown', ...service }], { ...free, ...circumstances })
    expect(decision).toMatchObject({
      updates: [{ state: 'unknown', available: null }],
      deploy: {},
      next,
      unanswered: what === 'could be deployed',
    })
  })

  it('does not starve by min_age where its name moves faster: it gets the newest that is old enough', () => {
    const busy = { ...web, seen: seen(['a', 200], ['b', 90], ['c', 75], ['d', 40], ['e', 2]) }
    const { updates, deploy } = decide([busy], { ...free, minAge: 3 * DAY })
    expect(deploy).toEqual({ web: 'c' })
    expect(updates).toMatchObject([{ available: 'c', state: 'pending' }])
    const next = decide([{ ...busy, running: ['c'] }], { ...free, minAge: 3 * DAY })
    expect(next.updates).toMatchObject([{ available: 'd', state: 'cooling', eligible_at: ago(-32) }])
    expect(next.next).toBe(NOW + 32 * HOUR)
  })
})

describe('a stack', () => {
  const db: WatchedService = { ...web, service: 'db', image: 'registry/db:latest', seen: seen(['a', 100], ['x', 1]) }

  it('goes together: it settles as long as any of its images changes', () => {
    const both = decide([web, db], { ...free, settle: 2 * HOUR })
    expect(both.updates.map(({ service, state }) => [service, state])).toEqual([
      ['db', 'settling'],
      ['web', 'settling'],
    ])
    expect(both.next).toBe(NOW + HOUR)
    expect(decide([web, db], { ...free, now: NOW + HOUR, settle: 2 * HOUR }).deploy).toEqual({ web: 'b', db: 'x' })
  })

  it('is updated in those services that may be', () => {
    const two = [web, { ...db, mode: 'notify' as const }]
    expect(decide(two, free).deploy).toEqual({ web: 'b' })
  })

  it('says when time alone changes something next', () => {
    expect(decide([web, db], { ...free, minAge: 20 * HOUR }).next).toBe(NOW + 10 * HOUR)
    expect(decide([web], free).next).toBeNull()
    expect(decide([{ ...web, running: ['b'] }], { ...free, window: night }).next).toBeNull()
    // The next one is old enough while the one before it has not been deployed yet.
    const two = { ...web, seen: seen(['a', 100], ['b', 50], ['c', 10]) }
    expect(decide([two], { ...free, minAge: 20 * HOUR })).toMatchObject({ deploy: { web: 'b' }, next: NOW + 10 * HOUR })
    expect(decide([{ ...two, mode: 'notify' }], { ...free, minAge: 20 * HOUR }).next).toBeNull()
  })

  it('is told truly all the way, and deployed the moment it may be, by one who looks at those moments alone', () => {
    const circumstances = { ...free, window: night, minAge: 12 * HOUR, settle: 11 * HOUR, hold: { until: NOW + HOUR } }
    const story: [string | undefined, string][] = []
    let now: number | null = NOW
    while (now !== null && story.length < 9) {
      const decision = decide([web], { ...circumstances, now })
      story.push([decision.updates[0]?.state, time(now).slice(8, 16)])
      now = decision.next
    }
    expect(story).toEqual([
      ['held', '25T12:00'],
      ['cooling', '25T13:00'],
      ['window', '25T14:00'],
      ['pending', '26T02:00'],
    ])
    const settling = decide([web], { ...circumstances, minAge: 0, settle: 12 * HOUR, now: NOW + HOUR })
    expect([settling.updates[0]?.state, settling.next]).toEqual(['settling', NOW + 2 * HOUR])
  })

  it('says what will be as soon as nobody holds it any more', () => {
    const decision = decide([web], { ...free, window: night, hold: { until: null } })
    const then = { state: 'window', eligible_at: '2026-11-26T02:00:00.000Z' }
    expect(decision.updates).toMatchObject([{ state: 'held', eligible_at: null }])
    expect(decision.unheld).toEqual({ web: then })
    expect(decide([web], { ...free, window: night }).unheld).toEqual({})
  })
})
