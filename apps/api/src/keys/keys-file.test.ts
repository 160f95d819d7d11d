import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readKeysFile } from './keys-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'deployer-keys-'))
afterAll(() => rmSync(folder, { recursive: true }))
const SECRET = 'the-secret-of-a-hook'
const hook = (id: string, from: string, secret: string, more = '') => `  - {id: ${id}, from: ${from}, ${secret}${more}}\n`
function read(hooks: string) {
  const path = join(folder, 'keys.yaml')
  writeFileSync(path, `hooks:\n${hooks}`)
  return readKeysFile(path)
}

describe("the keys file's hooks", () => {
  it('have a secret, here or in a file of its own, and the images that they narrow to', () => {
    writeFileSync(join(folder, 'hub.secret'), 'a-token_of.Docker~Hub\n')
    const { hooks, keys, files } = read(
      hook('ghcr', 'github', `secret: ${SECRET}`, ', images: ["ghcr.io/me/*"]') + hook('hub', 'dockerhub', 'secret_file: hub.secret'),
    )
    expect(hooks).toEqual([
      { id: 'ghcr', from: 'github', images: ['ghcr.io/me/*'], secret: SECRET },
      { id: 'hub', from: 'dockerhub', secret: 'a-token_of.Docker~Hub' },
    ])
    expect([keys, files.length]).toEqual([[], 2])
  })

  it.each([
    ['a sender that nobody knows', hook('x', 'artifactory', `secret: ${SECRET}`), 'hooks.0.from'],
    ['no secret', '  - {id: x, from: github}\n', 'has either secret or secret_file'],
    ['two', hook('x', 'github', `secret: ${SECRET}, secret_file: y`), 'has either secret or secret_file'],
    ['a short secret', hook('x', 'github', 'secret: short'), 'has 5 characters'],
    [
      'an id twice',
      hook('x', 'github', `secret: ${SECRET}`) + hook('x', 'quay', `secret: ${SECRET}`),
      'hooks: the id "x" stands there twice',
    ],
    ['a token that does not fit in an address', hook('x', 'quay', 'secret: "a token / with slashes"'), 'stands in an address'],
    ['no images', hook('x', 'quay', `secret: ${SECRET}`, ', images: []'), 'names at least one image'],
    ['a member that is not known', hook('x', 'quay', `secret: ${SECRET}`, ', stacks: [media]'), 'stacks'],
  ])('with %s are refused, and no secret is said', (_, entries, message) => {
    expect(() => read(entries)).toThrow(message)
    expect(() => read(entries)).not.toThrow(/the-secret|slashes/)
  })
})
