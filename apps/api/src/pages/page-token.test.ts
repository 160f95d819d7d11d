import { afterEach, expect, it, vi } from 'vitest'
import { createPageToken } from './page-token.ts'

const DAY = 86_400_000
afterEach(() => vi.useRealTimers())

it('is good for its day and the next, for the same login in any process, and for no other', () => {
  vi.useFakeTimers({ now: 20_000 * DAY + 1 })
  const login = { user: 'ana', password: 'hunter22' }
  const token = createPageToken(login).now()
  const holds = (other = login) => createPageToken(other).holds(token)
  expect([holds(), holds({ ...login, user: 'ben' }), holds({ ...login, password: 'hunter23' })]).toEqual([true, false, false])
  expect([createPageToken(login).holds(''), token.includes('hunter22')]).toEqual([false, false])
  vi.setSystemTime(20_001 * DAY + 1)
  expect(holds()).toBe(true)
  vi.setSystemTime(20_002 * DAY)
  expect(holds()).toBe(false)
})
