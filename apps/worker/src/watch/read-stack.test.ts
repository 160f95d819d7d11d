import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { machineClock } from '../clock.ts'
import { createFileStore } from '../journal/file-store.ts'
import type { Compose } from '../ports.ts'
import { createReadStacks } from './read-stack.ts'
import type { HostWishes } from './wishes.ts'

it.each([
  ['services: { web: { image: "app:1" } }', 1],
  ['include: [more.yaml]\nservices: { web: { image: "app:1" } }', 2],
  ['services: { web: { extends: { file: more.yaml, service: web } } }', 2],
])('a file is resolved anew where another one that it names may have changed: %s', async (file, times) => {
  const dir = mkdtempSync(join(tmpdir(), 'deployer-read-'))
  writeFileSync(join(dir, 'compose.yaml'), file)
  let asked = 0
  const compose = { run: async () => (asked++, { exitCode: 0, stdout: 'name: media\nservices: {}\n' }) } as unknown as Compose
  const wishes: HostWishes = { watch: 'notify', zone: 'UTC', every: { kind: 'asked' }, window: null, minAge: 0, settle: 0 }
  const stacks = createReadStacks({ compose, clock: machineClock, journalStore: () => createFileStore(join(dir, '.journal')) }, wishes)
  for (let reads = 0; reads < 2; reads++) await stacks.read({ name: 'media', dir, workingDir: dir }, [])
  expect(asked).toBe(times)
})
