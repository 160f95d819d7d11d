import { expect, it } from 'vitest'
import type { Engine } from '../ports.ts'
import { withVersions } from './with-versions.ts'

const bare = { service: 'web', image: 'app', why: 'image', from_digest: null, to_digest: null } as const
const labels: Record<string, Record<string, string>> = {
  old: { 'org.opencontainers.image.version': '1.2.3' },
  new: { 'org.opencontainers.image.version': '1.3.0', 'org.opencontainers.image.source': 'https://git.example.com/app' },
  plain: {},
}
const tools = (fails: string[] = []) => ({
  clock: { timeout: () => new AbortController().signal } as never,
  engine: {
    async image(id: string) {
      if (fails.includes(id)) throw new Error('the engine is away')
      return labels[id] ? { id, digests: [], labels: labels[id] } : null
    },
  } as unknown as Engine as never,
})

it('adds what both images say of themselves', async () => {
  expect(await withVersions(tools(), [{ ...bare, from: 'old', to: 'new' }])).toEqual([
    { ...bare, from: 'old', to: 'new', from_version: '1.2.3', to_version: '1.3.0', source: 'https://git.example.com/app' },
  ])
})

it.each([
  ['that say nothing', 'plain', []],
  ['that have gone', 'gone', []],
  ['that the engine does not tell of', 'new', ['new', 'old']],
])('leaves out images %s', async (_, to, fails) => {
  const [change] = await withVersions(tools(fails), [{ ...bare, from: null, to }])
  expect(change).toMatchObject({ from_version: null, to_version: null, source: null })
})
