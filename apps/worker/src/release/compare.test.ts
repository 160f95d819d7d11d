import { describe, expect, it } from 'vitest'
import type { Container } from '../ports.ts'
import { listChanges } from './changes.ts'
import { compare, holds, isBroken, unlike } from './compare.ts'
import { withDependents } from './dependents.ts'
import { isSameRelease, Release, type ServiceRelease } from './release.ts'

const running: Container = {
  id: 'web-1',
  name: 'x-web-1',
  state: 'running',
  exitCode: null,
  health: 'none',
  young: false,
  image: 'app',
  imageId: 'sha256:new',
  project: 'x',
  service: 'web',
  composeVersion: '',
  configHash: 'h1',
  workingDir: '/opt/stacks/x',
  configFiles: [],
  envFiles: [],
  replaces: null,
}
const web: ServiceRelease = {
  image: 'app',
  imageId: 'sha256:new',
  digest: 'sha256:d',
  hashes: ['h1'],
  count: 1,
  stopped: false,
  mayEnd: false,
}

function release(services: Record<string, Partial<ServiceRelease>>, more: Partial<Release> = {}): Release {
  return Release.parse({
    version: 1,
    number: 1,
    at: '2026-01-01T00:00:00Z',
    jobId: null,
    by: null,
    project: 'x',
    projectDir: '/opt/stacks/x',
    files: [],
    envFiles: [],
    definition: { name: 'x', services: Object.fromEntries(Object.keys(services).map((name) => [name, { image: 'app' }])) },
    environment: {},
    unset: [],
    fingerprint: '',
    hashedBy: '',
    lost: [],
    services: Object.fromEntries(Object.entries(services).map(([name, one]) => [name, { ...web, ...one }])),
    ...more,
  })
}

describe('compare', () => {
  it.each<[string, Partial<ServiceRelease>, Partial<Container>[], string, string | null]>([
    ['what runs as it should', {}, [{}], 'keep', null],
    ['no container', {}, [], 'create', 'missing'],
    ['no container, and none wanted', { count: 0 }, [], 'keep', null],
    ['another image', {}, [{ imageId: 'sha256:old' }], 'recreate', 'image'],
    ['another definition', {}, [{ configHash: 'h0' }], 'recreate', 'definition'],
    ['the same definition, made by another compose', { hashes: ['h1', 'h0'] }, [{ configHash: 'h0' }], 'keep', null],
    ['a definition that cannot be told beforehand', { hashes: null }, [{ configHash: 'h0' }], 'keep', null],
    ['one of two', { count: 2 }, [{}], 'create', 'missing'],
    ['two of one', {}, [{}, { id: 'web-2' }], 'recreate', 'definition'],
    ['one right and one wrong', { count: 2 }, [{}, { id: 'web-2', imageId: 'sha256:old' }], 'recreate', 'image'],
    ['one that ended', {}, [{ state: 'exited', exitCode: 0 }], 'start', 'stopped'],
    ['one that restarts', {}, [{ state: 'restarting', exitCode: 1 }], 'keep', null],
    ['one that was stopped by hand and is', { stopped: true }, [{ state: 'exited', exitCode: 137 }], 'keep', null],
    ['one that was stopped by hand, with another image', { stopped: true }, [{ imageId: 'sha256:old' }], 'recreate', 'image'],
    ['one that was stopped by hand and runs', { stopped: true }, [{}], 'stop', null],
  ])('%s', (_, wanted, containers, action, why) => {
    const plan = compare(
      release({ web: wanted }),
      containers.map((one) => ({ ...running, ...one })),
    )
    expect(plan['web']).toMatchObject({ action, why })
  })

  it('a service that the release does not have is removed', () => {
    expect(compare(release({}), [running])['web']).toMatchObject({ action: 'remove', why: null, containers: [running] })
  })

  it('what has been started holds, but for what never ran', () => {
    const at = (state: string) => compare(release({ web: {} }), [{ ...running, state }])['web']
    expect([at('running'), at('exited')].map((one) => one && holds(one))).toEqual([true, true])
    expect([at('created')].map((one) => one && holds(one))).toEqual([false])
    expect(holds(compare(release({ web: {} }), [{ ...running, configHash: 'h0' }])['web'] ?? never())).toBe(false)
  })

  it('a way back leaves what had ended by itself, and nothing else', () => {
    const exited = (exitCode: number) => [{ ...running, state: 'exited', exitCode }]
    const wrong = (one: Partial<ServiceRelease>, containers: Container[]) =>
      unlike(release({ web: one }), compare(release({ web: one }), containers))
    expect(wrong({ mayEnd: true }, exited(0))).toEqual([])
    expect(wrong({ mayEnd: true }, exited(1))).toEqual(['web'])
    expect(wrong({ mayEnd: false }, exited(0))).toEqual(['web'])
    expect(wrong({ mayEnd: true }, [])).toEqual(['web'])
    expect(wrong({}, [running])).toEqual([])
  })
})

it.each<[Partial<Container>, boolean]>([
  [{}, false],
  [{ state: 'restarting' }, true],
  [{ state: 'dead' }, true],
  [{ health: 'unhealthy' }, true],
  [{ state: 'exited', exitCode: 0 }, false],
  [{ state: 'exited', exitCode: 1 }, true],
])('%o is broken: %s', (state, broken) => {
  expect(isBroken({ ...running, ...state })).toBe(broken)
})

describe('changes', () => {
  const before = release({ web: { imageId: 'sha256:old', digest: 'sha256:o', hashes: ['h0'] } })
  const after = release({ web: {} })
  const old = { ...running, id: 'old', imageId: 'sha256:old', configHash: 'h0' }
  const plan = compare(after, [old])

  it('name images, digests and why', () => {
    expect(listChanges(before, after, plan, [running], 'target')).toEqual([
      {
        service: 'web',
        image: 'app',
        why: 'image',
        from: 'sha256:old',
        to: 'sha256:new',
        from_digest: 'sha256:o',
        to_digest: 'sha256:d',
      },
    ])
  })

  it('are none where nothing was touched, or all is back as it was', () => {
    expect(listChanges(before, after, plan, [old], 'target')).toEqual([])
    expect(listChanges(before, after, plan, [{ ...old, id: 'again' }], 'before')).toEqual([])
  })

  it('name what was made anew just as it was, where that was the way to the target', () => {
    const changes = listChanges(before, after, withDependents(plan, after.definition, '2.40.3'), [{ ...old, id: 'again' }], 'target')
    expect(changes).toMatchObject([{ service: 'web', from: 'sha256:old', to: 'sha256:old' }])
  })

  it('tell of what is new and of what is gone', () => {
    const grown = release({ web: {}, extra: {} })
    const extra = { ...running, id: 'e', service: 'extra' }
    expect(listChanges(after, grown, compare(grown, [running]), [running, extra], 'target')).toMatchObject([
      { service: 'extra', from: null, to: 'sha256:new' },
    ])
    expect(listChanges(grown, after, compare(after, [running, extra]), [running], 'target')).toMatchObject([
      { service: 'extra', from: 'sha256:new', to: null },
    ])
  })
})

it('two releases are the same whatever the order of their members, and never where something is lost', () => {
  const one = release({ a: {}, b: {} })
  const other = release({ b: {}, a: {} })
  expect(isSameRelease(one, other)).toBe(true)
  expect(isSameRelease(one, release({ a: {}, b: { hashes: ['h2'] } }))).toBe(true)
  expect(isSameRelease(one, release({ a: {}, b: {} }, { definition: { name: 'app', services: { a: {}, b: { command: 'x' } } } }))).toBe(
    false,
  )
  expect(isSameRelease(one, release({ a: {}, b: { stopped: true } }))).toBe(false)
  expect(isSameRelease(one, release({ a: {}, b: {} }, { environment: { A: '1' } }))).toBe(false)
  expect(isSameRelease(one, release({ a: {}, b: {} }, { lost: ['a'] }))).toBe(false)
})

function never(): never {
  throw new Error('not there')
}
