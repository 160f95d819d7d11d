import { expect, it } from 'vitest'
import type { Tools } from '../converge/tools.ts'
import type { Container } from '../ports.ts'
import { createMadeFromFiles } from './made-from-files.ts'
import type { Draft } from './what-runs.ts'

const files = { definition: { name: 'media', services: { web: { environment: { MODE: 'fast', FROM_SHELL: null } } } } } as unknown as Draft
const container = { id: 'a', service: 'web', composeVersion: '2.26.1', configFiles: ['/opt/stacks/media/compose.yaml'] } as Container
const CREATED = Date.UTC(2026, 0, 1, 12)

/** @param changed When the stack's files changed last. @param environment The container's own. */
function isMadeFrom(more: Partial<Container> = {}, changed: number | null = CREATED - 1, environment = ['MODE=fast', 'PATH=/bin']) {
  const engine = { spec: async () => ({ createdAt: new Date(CREATED).toISOString(), environment }) }
  const tools = { engine, compose: { version: '2.40.3' }, lastChange: () => changed } as unknown as Tools
  return createMadeFromFiles(tools, files, new AbortController().signal)({ ...container, ...more }).then((found) => found === files)
}

it('what another compose has made from files that have not changed since is made from them', async () => {
  expect(await isMadeFrom()).toBe(true)
})

it.each<[string, ReturnType<typeof isMadeFrom>]>([
  ['a file has changed since', isMadeFrom({}, CREATED + 1)],
  ['it is not known what it was made from', isMadeFrom({}, null)],
  ['a variable has another value', isMadeFrom({}, CREATED - 1, ['MODE=slow'])],
  ['a variable is missing', isMadeFrom({}, CREATED - 1, [])],
  ['the same compose has made it, and gives it another hash', isMadeFrom({ composeVersion: '2.40.3' })],
  ['compose did not read it from files', isMadeFrom({ configFiles: ['-'] })],
  ['the files have no such service', isMadeFrom({ service: 'db' })],
])('but not where %s', async (_, made) => {
  expect(await made).toBe(false)
})
