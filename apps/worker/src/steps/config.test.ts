import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import type { Compose } from '../ports.ts'
import { fingerprint, type ProjectFiles } from '../stacks/project-files.ts'
import { config } from './config.ts'

const dir = mkdtempSync(join(tmpdir(), 'deployer-config-'))
afterAll(() => rmSync(dir, { recursive: true }))
const paths = { name: 'app', dir, workingDir: dir }
const files: ProjectFiles = { projectDir: dir, files: [], envFiles: [] }
const file = join(dir, 'compose.yaml')

it('files that somebody changes while they are read are others than those that were read', async () => {
  writeFileSync(file, 'services: { web: { image: one } }\n')
  const compose: Compose = {
    identity: 'here',
    version: '2.40.3',
    async run() {
      writeFileSync(file, 'services: { web: { image: two } }\n')
      return { exitCode: 0, stdout: JSON.stringify({ name: 'app', services: { web: { image: 'one' } } }) }
    },
  }
  const reader = { compose, paths, lockFd: 0, fingerprint: (of: ProjectFiles) => fingerprint(paths, of), contents: () => ({}) }
  const { resolved } = await config(reader, 'app', files, { signal: new AbortController().signal, log: () => undefined })
  expect(resolved?.definition.services['web']).toMatchObject({ image: 'one' })
  expect(resolved?.fingerprint).not.toBe(fingerprint(paths, files))
})
