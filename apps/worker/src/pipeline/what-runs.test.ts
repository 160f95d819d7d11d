import { expect, it } from 'vitest'
import type { Container } from '../ports.ts'
import type { Release, ServiceRelease } from '../release/release.ts'
import { whatRuns, type Draft } from './what-runs.ts'

const service = { image: 'app', imageId: 'a', digest: null, count: 1, stopped: false, mayEnd: false }
const KEPT = { 'compose.yaml': 'former' }
const FILES = { 'compose.yaml': 'new' }

/** A release of services with these hashes. */
function made<T extends Partial<Release>>(hashes: Record<string, string>, more: T, other: Partial<ServiceRelease> = {}) {
  const services = Object.fromEntries(Object.entries(hashes).map(([name, hash]) => [name, { ...service, hashes: [hash], ...other }]))
  const definition = { name: 'media', services: Object.fromEntries(Object.keys(hashes).map((name) => [name, { image: 'app' }])) }
  return { project: 'media', environment: {}, lost: [], definition, services, ...more }
}
const kept = (hashes: Record<string, string>, other: Partial<ServiceRelease> = {}) =>
  made(hashes, { number: 1, contents: KEPT }, other) as unknown as Release
const files = (hashes: Record<string, string>) => made(hashes, { contents: FILES }, { mayEnd: true }) as unknown as Draft

/** What is known to have been said by the files that it was made from. */
async function contentsOf(candidates: (Draft | Release)[], runs: Record<string, string>): Promise<Release['contents']> {
  const containers = Object.entries(runs).map(([name, configHash]) => ({ service: name, configHash, imageId: 'a', state: 'running' }))
  const [first, ...rest] = candidates
  if (!first) throw new Error('there is no candidate')
  return (await whatRuns(containers as Container[], [first, ...rest], async () => null, null)).contents
}

it.each<[string, ReturnType<typeof contentsOf>, Release['contents']]>([
  ['a kept release', contentsOf([kept({ web: '1', db: '1' }), files({ web: '2', db: '1' })], { web: '1', db: '1' }), KEPT],
  [
    'the files, where one service has changed',
    contentsOf([kept({ web: '1', db: '1' }), files({ web: '2', db: '1' })], { web: '2', db: '1' }),
    FILES,
  ],
  ['neither, where it is some of both', contentsOf([kept({ web: '1', db: '1' }), files({ web: '2', db: '2' })], { web: '2', db: '1' }), {}],
  ['neither, where a service is missing', contentsOf([kept({ web: '1', db: '1' }), files({ web: '1', db: '1' })], { web: '1' }), {}],
  [
    'a kept one, where what is missing had ended',
    contentsOf([kept({ web: '1', job: '1' }, { mayEnd: true }), files({ web: '1', job: '1' })], { web: '1' }),
    KEPT,
  ],
  ['neither, where nobody knows a definition', contentsOf([kept({ web: '1' }), files({ web: '2' })], { web: '3' }), {}],
  ['not known, where the files were not read', contentsOf([kept({ web: '1' })], { web: '1', db: '1' }), undefined],
  [
    'not known, where that was never kept',
    contentsOf([made({ web: '1' }, { number: 1 }) as unknown as Release, files({ web: '2' })], { web: '1' }),
    undefined,
  ],
])('what runs was made from: %s', async (_, contents, expected) => expect(await contents).toEqual(expected))

it.each<[string, Partial<Container>[], Partial<ServiceRelease>]>([
  [
    'one that runs goes before one that ended',
    [
      { state: 'exited', imageId: 'old' },
      { state: 'running', imageId: 'a' },
    ],
    { imageId: 'a', stopped: false },
  ],
  ['one that was stopped by hand', [{ state: 'exited', exitCode: 137 }], { stopped: true, mayEnd: true }],
  ['one that was made and never started', [{ state: 'created', exitCode: 0 }], { stopped: true, mayEnd: true }],
  ['one that has done its work', [{ state: 'exited', exitCode: 0 }], { stopped: false, mayEnd: true }],
])('of a service: %s', async (_, containers, expected) => {
  const own = containers.map((one) => ({ service: 'web', configHash: '1', ...one })) as Container[]
  const { services } = await whatRuns(own, [kept({ web: '1' })], async () => null, null)
  expect(services['web']).toMatchObject(expected)
})
