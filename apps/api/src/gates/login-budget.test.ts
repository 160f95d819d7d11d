import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { createLoginBudget, type LoginBudget } from './login-budget.ts'

/** It never connects, so that logins are counted here. */
const away = new Redis({ lazyConnect: true })

/** Tries wrong passwords, all at the same time. @returns How many of them were looked at. */
async function burst(logins: LoginBudget, addresses: string[]): Promise<number> {
  const counted: Promise<void>[] = []
  for (const address of addresses) {
    try {
      logins.check(address)
      counted.push(logins.count(address))
    } catch {
      continue
    }
  }
  await Promise.all(counted)
  return counted.length
}
const same = (count: number) => Array.from({ length: count }, (_, index) => `2001:db8::${index}`)

describe('the budget of wrong passwords', () => {
  it('shuts out whoever has spent it, by /64, and nobody else', async () => {
    const logins = createLoginBudget(away, true)
    for (const address of same(31)) expect(await burst(logins, [address])).toBe(1)
    expect(() => logins.check('2001:db8::ffff')).toThrow('Too many wrong passwords')
    expect(() => logins.check('2001:db8:0:1::1')).not.toThrow()
  })

  it('holds for many at the same time too: none is looked at before those before it are counted', async () => {
    const logins = createLoginBudget(away, true)
    expect(await burst(logins, same(500))).toBe(30)
    expect(await burst(logins, same(500))).toBeLessThanOrEqual(30)
    expect(await burst(logins, same(500))).toBe(0)
  })

  it('is none where nothing is limited', async () => {
    expect(await burst(createLoginBudget(away, false), same(500))).toBe(500)
  })
})
