import { expect, it } from 'vitest'
import type { Tools } from '../converge/tools.ts'
import type { Release } from '../release/release.ts'
import { withHashes } from './hashes.ts'
import type { Draft } from './what-runs.ts'

const web = { image: 'web', imageId: '', digest: null, hashes: null, count: 1, stopped: false, mayEnd: true }
const definition = { name: 'media', services: { web: { image: 'web' } } }
const draft = {
  project: 'media',
  projectDir: '/',
  definition,
  environment: {},
  hashedBy: 'new',
  lost: [],
  services: { web },
} as unknown as Draft

/** What `web` has for a hash, where compose says `asked` and what runs has `known`. */
async function hashOfWeb(more: Partial<Release>): Promise<string[] | null | undefined> {
  const tools = { compose: { run: async () => ({ exitCode: 0, stdout: 'web asked\n' }) } } as unknown as Tools
  const current = { ...draft, number: 1, services: { web: { ...web, hashes: ['known', 'of another compose'] } }, ...more } as Release
  return (await withHashes(tools, draft, current, new AbortController().signal)).services['web']?.hashes
}

it('the hashes of what runs are those of the same definition', async () => {
  expect(await hashOfWeb({})).toEqual(['known'])
})

it.each<[string, Partial<Release>]>([
  ['another compose has told them', { hashedBy: 'old' }],
  ['the definition is another one', { definition: { name: 'media', services: { web: { image: 'web', pull_policy: 'never' } } } }],
  ['not all that runs is known', { lost: ['db'] }],
])('compose is asked where %s', async (_, more) => {
  expect(await hashOfWeb(more)).toEqual(['asked'])
})

it.each([{ volumes_from: ['db'] }, { network_mode: 'service:db' }, { ipc: 'service:db' }, { pid: 'service:db' }])(
  'what compose makes of %j has the id of a container in it, and cannot be told',
  async (more) => {
    const tools = { compose: { run: async () => ({ exitCode: 0, stdout: 'web asked\n' }) } } as unknown as Tools
    const own = { ...draft, definition: { name: 'media', services: { web: { image: 'web', ...more } } } } as unknown as Draft
    expect((await withHashes(tools, own, null, new AbortController().signal)).services['web']?.hashes).toBe(null)
  },
)
