import { expect, it } from 'vitest'
import type { JobData } from '@deployer/shared/job-data'
import type { Container, Engine } from '../ports.ts'
import { withoutOvertaken } from './without-overtaken.ts'

const IMAGES: Record<string, string[]> = {
  one: ['registry/web@a', 'mirror/web@m'],
  two: ['registry/web@b'],
  three: ['registry/web@c'],
  built: [],
}
const engine = { image: async (id: string) => ({ digests: IMAGES[id] ?? [] }) } as unknown as Engine
const job: JobData = {
  stack: 'media',
  host: 'nas',
  action: 'deploy',
  source: 'watch',
  caller: 'watch',
  only: { web: 'b' },
  replaces: { web: ['a'] },
}
const container = (imageId: string, state = 'running', service = 'web') => ({ service, imageId, state }) as unknown as Container
const left = async (own: Container[], more: Partial<JobData> = {}) =>
  (await withoutOvertaken(engine, { ...job, ...more }, own, new AbortController().signal))?.only ?? null

it.each<[string, Container[], Partial<JobData>, Record<string, string> | null]>([
  ['runs what it ran', [container('one')], {}, { web: 'b' }],
  ['runs what it ran, known by another name', [container('one')], { replaces: { web: ['m'] } }, { web: 'b' }],
  ['runs something else', [container('three')], {}, null],
  ['runs what it is to get', [container('two')], {}, { web: 'b' }],
  ['runs something else beside a former one that is stopped', [container('one', 'exited'), container('three')], {}, null],
  ['has no container', [container('three', 'running', 'db')], {}, { web: 'b' }],
  ['runs what no registry knows, as before', [container('built')], { replaces: { web: [] } }, { web: 'b' }],
  ['runs what no registry knows, unlike before', [container('built')], {}, null],
  [
    'runs something else, beside one that does not',
    [container('one'), container('three', 'running', 'db')],
    { only: { web: 'b', db: 'b' }, replaces: { web: ['a'], db: ['a'] } },
    { web: 'b' },
  ],
  ['is asked for without what it ran', [container('three')], { replaces: undefined }, { web: 'b' }],
])('of what watching has asked for stays what is still wanted: a service that %s', async (_, own, more, expected) => {
  expect(await left(own, more)).toEqual(expected)
})
