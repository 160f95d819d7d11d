import { expect, it } from 'vitest'
import type { Release } from '../release/release.ts'
import { groupByNames } from './rounds-of-names.ts'

function release(images: Record<string, [image: string, id: string]>, depends: Record<string, string[]> = {}): Release {
  const services = Object.fromEntries(Object.entries(images).map(([name, [image, imageId]]) => [name, { image, imageId }]))
  const definitions = Object.fromEntries(
    Object.keys(images).map((name) => [name, { depends_on: Object.fromEntries((depends[name] ?? []).map((one) => [one, {}])) }]),
  )
  return { services, definition: { name: 'x', services: definitions } } as unknown as Release
}

it('one group is enough where each name leads to one image', () => {
  const one = release({ a: ['app', '1'], b: ['app', '1'], c: ['db', '2'] })
  expect(groupByNames(one, ['a', 'b', 'c'])).toEqual([['a', 'b', 'c']])
  expect(groupByNames(one, [])).toEqual([[]])
})

it('services that ran different images under one name come last and alone, those that others depend on behind those', () => {
  const one = release({ base: ['app', '1'], web: ['app', '2'], other: ['db', '3'] }, { web: ['base'] })
  expect(groupByNames(one, ['base', 'web', 'other'])).toEqual([['other'], ['web'], ['base']])
  expect(groupByNames(one, ['base', 'web'])).toEqual([['web'], ['base']])
})
