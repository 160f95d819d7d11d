import { expect, it } from 'vitest'
import { encodeLogin } from './registry-login.ts'

it.each(['', 'a', 'ab', 'abc', 'ÿ?>~'])(
  'a login with the password %j is encoded as the engine reads it: safe in a URL, and padded',
  (password) => {
    const login = { username: 'me', password, serveraddress: 'reg.example.com' }
    const encoded = encodeLogin(login)
    expect(encoded).toMatch(/^[\w-]+={0,2}$/)
    expect(encoded.length % 4).toBe(0)
    expect(JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'))).toEqual(login)
  },
)
