import { expect, it } from 'vitest'
import { definitionDifference } from './definition-difference.ts'
import { ComposeModel } from './release.ts'

const model = (web: object, more: object = {}) =>
  ComposeModel.parse({ name: 'media', services: { web: { image: 'app:1', ...web } }, ...more })

it('names what differs, and none of its values', () => {
  const before = model(
    { environment: { LEVEL: 'info', PASSWORD: 'a-secret', SAME: '1' }, ports: [{ target: 80 }] },
    { volumes: { data: {} } },
  )
  const after = model(
    { image: 'app:2', environment: { SAME: '1', PASSWORD: 'another-secret', NEW: 'x' }, ports: [{ target: 8080 }], user: '1000' },
    { volumes: { data: {}, cache: {} } },
  )
  const found = definitionDifference(before, after)
  expect(found).toEqual([
    'web: environment.LEVEL',
    'web: environment.NEW',
    'web: environment.PASSWORD',
    'web: ports',
    'web: user',
    'volumes.cache',
  ])
})

it('is empty for what says the same in another order, and does not tell of services that come and go', () => {
  expect(definitionDifference(model({ environment: { A: '1', B: '2' } }), model({ environment: { B: '2', A: '1' } }))).toEqual([])
  const more = ComposeModel.parse({ name: 'media', services: { web: { image: 'app:1' }, db: { image: 'db' } } })
  expect(definitionDifference(model({}), more)).toEqual([])
})
