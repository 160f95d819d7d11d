import { expect, it } from 'vitest'
import type { Tools } from '../converge/tools.ts'
import type { ComposeModel } from '../release/release.ts'
import { pullOnly } from './pull-only.ts'

it('a service is pulled by its digest, for the platform that its file names', async () => {
  const inputs: unknown[] = []
  const compose = {
    run: async (_: unknown, __: unknown, { input }: { input: string }) => (inputs.push(JSON.parse(input)), { exitCode: 0, stdout: '' }),
  }
  const definition = {
    name: 'media',
    services: { web: { image: 'app:1', platform: 'linux/arm64' }, db: { image: 'db:1' } },
  } as unknown as ComposeModel
  const files = { projectDir: '/', files: [], envFiles: [] }
  const context = { signal: new AbortController().signal, log: () => undefined }
  await pullOnly({ compose } as unknown as Tools, definition, files, { web: 'sha256:w', db: 'sha256:d' }, [], context)
  expect(inputs).toEqual([{ services: { web: { image: 'app@sha256:w', platform: 'linux/arm64' }, db: { image: 'db@sha256:d' } } }])
})
