import fc from 'fast-check'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { printable } from '@deployer/shared/printable'
import { createRedact } from '@deployer/shared/redact'
import { stackSecrets } from './stack-secrets.ts'

const folder = mkdtempSync(join(tmpdir(), 'deployer-secrets-'))
const password = fc
  .string({ unit: 'grapheme-ascii', minLength: 6, maxLength: 40 })
  .filter((text) => !/[*\s"',;&]/.test(text) && !/^[a-z]+$/i.test(text) && !text.startsWith('-'))

/** A resolved file with one service, which has something in it. */
const model = (web: object, more: object = {}) => ({ name: 'media', services: { web: { image: 'app:1', ...web } }, ...more })
const redactOf = (resolved: unknown, dotEnv: Record<string, string> = {}) => createRedact(stackSecrets('media', dotEnv, resolved))

it('are the values of .env and of every environment, also under names that say nothing', () => {
  const redact = redactOf(model({ environment: { GREETING: 'good-morning', PORT: '8080', EMPTY: null, ON: 'true' } }), {
    PLAIN: 'from-dot-env',
  })
  expect(redact('good-morning from-dot-env :8080 true 18080 media web')).toBe('*** *** :*** true 18080 media web')
})

it.each<[string, (secret: string) => object, object?]>([
  ['in the URL of a variable', (secret) => ({ environment: { DB: `postgres://app:${encodeURIComponent(secret)}@db:5432/app` } })],
  ['in the URL of an argument', (secret) => ({ command: ['serve', '--db', `redis://:${encodeURIComponent(secret)}@redis`] })],
  ['under the name of a build argument', (secret) => ({ build: { context: '.', args: { NPM_TOKEN: secret } } })],
  ['as an option', (secret) => ({ command: ['redis-server', '--requirepass', secret] })],
  ['as an option with its value', (secret) => ({ command: [`--admin-password=${secret}`] })],
  ['as an option in a shell line', (secret) => ({ command: ['sh', '-c', `exec serve --token ${secret} --port 80`] })],
  ['in a label', (secret) => ({ labels: { 'proxy.basicauth.password': secret } })],
])('are passwords %s', (_, make) => {
  fc.assert(
    fc.property(password, (secret) => {
      const line = `cannot use ${secret} here`
      expect(redactOf(model(make(secret)))(line)).not.toContain(secret)
    }),
  )
})

it('are the files of secrets, line by line, and secrets from variables', () => {
  const file = join(folder, 'key.json')
  writeFileSync(file, '{\n  "id": "media",\n  "private": "MIIEvQIBADANBg"\n}\n')
  const single = join(folder, 'password')
  writeFileSync(single, 'swordfish-1\n')
  const secrets = { key: { file }, single: { file: single }, variable: { environment: 'S' }, gone: { file: join(folder, 'gone') } }
  const redact = redactOf(model({}, { secrets }), { S: 'pin' })
  expect(redact('{ said: "private": "MIIEvQIBADANBg" and swordfish-1, pin, spinning }')).toBe('{ said: *** and ***, ***, spinning }')
})

it('are known in output that has lost their escapes', () => {
  fc.assert(
    fc.property(password, password, (one, two) => {
      const secret = `${one}\x1b[31m${two}`
      const redact = redactOf(model({ environment: { PASSWORD: secret } }))
      expect(redact(printable(`the password is ${secret} !`))).toBe('the password is *** !')
    }),
  )
})

it('strike nothing out of our own words, whatever common word a variable has', () => {
  const ours = 'web restarts, last exit code 1; it is started again; web healthy'
  for (const common of ['start', 'code1', 'heal', 'exit1', 'gain', 'tart', 'true', 'web', 'media']) {
    expect(redactOf(model({}), { MODE: common })(ours)).toBe(ours)
  }
})

it('takes any model for what it is', () => {
  fc.assert(fc.property(fc.anything(), (anything) => void stackSecrets('media', {}, anything)))
})

it('finds a dollar sign as compose writes it and as programs see it', () => {
  const found = stackSecrets('media', {}, { name: 'media', services: { web: { environment: { DB_PASSWORD: 'hunter$$seven$$secret' } } } })
  expect(found).toEqual(expect.arrayContaining(['hunter$$seven$$secret', 'hunter$seven$secret']))
})
