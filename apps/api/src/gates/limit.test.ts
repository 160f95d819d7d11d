import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { createLimit } from './limit.ts'

/** It never connects. */
const away = new Redis({ lazyConnect: true })

describe('a limit, while Redis is away,', () => {
  it('is counted by this process alone, for each key', async () => {
    const limit = createLimit(away, 'test', 3, 60)
    const consume = async (key: string) => (await limit?.consume(key))?.allowed
    expect([await consume('a'), await consume('a'), await consume('a'), await consume('a')]).toEqual([true, true, true, false])
    expect(await consume('b')).toBe(true)
  })

  it('says how it stands', async () => {
    const limit = createLimit(away, 'test', 2, 60)
    const first = await limit?.consume('a')
    expect(first?.headers).toMatchObject({ 'RateLimit-Policy': '2;w=60', 'RateLimit-Limit': '2', 'RateLimit-Remaining': '1' })
    await limit?.consume('a')
    const refused = await limit?.consume('a')
    expect(refused).toMatchObject({ allowed: false, headers: { 'RateLimit-Remaining': '0', 'RateLimit-Reset': String(refused?.reset) } })
  })

  it('is none where it is 0', () => {
    expect(createLimit(away, 'test', 0, 60)).toBeNull()
  })
})
