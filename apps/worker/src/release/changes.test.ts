import { expect, it } from 'vitest'
import type { Container } from '../ports.ts'
import { listChanges, listWanted } from './changes.ts'
import type { Plan } from './compare.ts'
import type { Release } from './release.ts'

const release = (images: Record<string, string>) => {
  const services = Object.entries(images).map(([name, imageId]) => [name, { image: name, imageId, digest: `d-${imageId}` }])
  return { services: Object.fromEntries(services) } as unknown as Release
}
const container = (service: string, id: string, imageId: string, configHash = 'h1') => ({ id, service, imageId, configHash }) as Container
const plan = (action: Plan[string]['action'], ...containers: Container[]) => ({ action, why: null, containers })

it('what was made anew on the way back is a change only where it is not as it was', () => {
  const before = release({ same: 'a', other: 'a', fewer: 'a' })
  const was = { same: plan('recreate', container('same', '1', 'a')), other: plan('recreate', container('other', '2', 'a')) }
  const two = { fewer: plan('recreate', container('fewer', '3', 'a'), container('fewer', '4', 'a')) }
  const now = [container('same', '11', 'a'), container('other', '12', 'a', 'h2'), container('fewer', '13', 'a')]
  const names = (heading: 'target' | 'before') =>
    listChanges(before, before, { ...was, ...two }, now, heading).map(({ service }) => service)
  expect(names('before')).toEqual(['fewer', 'other'])
  expect(names('target')).toEqual(['fewer', 'other', 'same'])
})

it('what is taken back are services that were to come, to change or to go, and none that was only started', () => {
  const [before, after] = [release({ gone: 'a', web: 'a', down: 'a' }), release({ web: 'b', down: 'a', fresh: 'c' })]
  const wanted = listWanted(before, after, {
    gone: plan('remove', container('gone', '1', 'a')),
    web: plan('recreate', container('web', '2', 'a')),
    down: plan('start', container('down', '3', 'a')),
    fresh: plan('create'),
  })
  expect(wanted.map(({ service, from, to }) => [service, from, to])).toEqual([
    ['fresh', null, 'c'],
    ['gone', 'a', null],
    ['web', 'a', 'b'],
  ])
})
