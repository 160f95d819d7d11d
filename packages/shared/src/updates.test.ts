import { expect, it } from 'vitest'
import { holdInForce } from './updates.ts'

const hold = { reason: 'r', until: '2026-01-01T00:00:01.000Z', by: 'ops', since: '2026-01-01T00:00:00.000Z' }
const at = (time: string) => Date.parse(time)

it('a hold is in force until its time is over, and without one until it is released', () => {
  expect(holdInForce(JSON.stringify(hold), at('2026-01-01T00:00:00.999Z'))).toEqual(hold)
  expect(holdInForce(JSON.stringify(hold), at('2026-01-01T00:00:01.000Z'))).toBeNull()
  expect(holdInForce(JSON.stringify({ ...hold, until: null }), at('2999-01-01T00:00:00Z'))).toMatchObject({ until: null })
  for (const none of [null, undefined, '']) expect(holdInForce(none, 0)).toBeNull()
})

it('a hold that a later release has written holds, also where it cannot be read', () => {
  expect(holdInForce(JSON.stringify({ ...hold, until: null, services: ['web'] }), 0)).toMatchObject({ reason: 'r' })
  for (const odd of ['{"version": 2}', 'no json', '7'])
    expect(holdInForce(odd, at('2999-01-01T00:00:00Z'))).toMatchObject({ by: 'unknown', until: null })
})
