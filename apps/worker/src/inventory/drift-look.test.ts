import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, it } from 'vitest'
import { emptyReport } from '@deployer/shared/job'
import { createFileStore, journalFolder } from '../journal/file-store.ts'
import { peekJournal } from '../journal/journal-file.ts'
import { Journal } from '../journal/journal.ts'
import type { Container } from '../ports.ts'
import type { Release } from '../release/release.ts'
import { readContents } from '../stacks/contents.ts'
import { createDriftLook, type DriftLook } from './drift-look.ts'

const root = mkdtempSync(join(tmpdir(), 'deployer-drift-'))
afterAll(() => rmSync(root, { recursive: true }))
const data = join(root, '.data')
const dir = join(root, 'media')
const file = join(dir, 'compose.yaml')
const container = { project: 'media', service: 'web', state: 'running', configHash: 'h1', replaces: null } as Container
const files = { projectDir: dir, files: [], envFiles: [] }
const web = { image: 'app', imageId: 'a', digest: null, hashes: ['h1'], count: 1, stopped: false, mayEnd: false }

let time = 0
let look: DriftLook
let isChanging = false
/** What is seen once it has lasted. */
function later(own = [container]): string[] {
  for (let seconds = 0; seconds < 10; seconds++) {
    time += 1000
    look('media', own)
  }
  return look('media', own)
}

function open(): Journal {
  return new Journal(createFileStore(journalFolder(data, 'media')), () => undefined)
}

/** Keeps what the files say now as what runs. */
function keep(more: Partial<Release> = {}): void {
  const { contents } = readContents({ name: 'media', dir, workingDir: dir }, files)
  const definition = { name: 'media', services: { web: { image: String(time) } } }
  const empty = { environment: {}, unset: [], fingerprint: '', hashedBy: '', lost: [], jobId: null, by: null }
  const journal = open()
  const draft = { version: 1 as const, at: '', project: 'media', ...files, ...empty, definition, contents, services: { web }, ...more }
  journal.observe(journal.save(draft).number)
}

beforeEach(() => {
  for (const folder of [data, dir]) rmSync(folder, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  writeFileSync(file, 'services: { web: { image: app } }\n')
  look = createDriftLook(
    { here: root, onHost: root, problem: null },
    data,
    () => isChanging,
    () => time,
  )
})

it('tells of a changed file once that has lasted, until what it says is kept as what runs', () => {
  keep()
  expect(later()).toEqual([])
  utimesSync(file, 1, 1)
  expect(later()).toEqual([])
  writeFileSync(file, 'services: { web: { image: other } }\n')
  time += 3000
  expect(look('media', [container])).toEqual([])
  expect(later()).toEqual(['compose.yaml'])
  writeFileSync(join(dir, '.env'), 'A=1\n')
  expect(later()).toEqual(['.env', 'compose.yaml'])
  isChanging = true
  expect(later()).toEqual([])
  isChanging = false
  expect(later()).toEqual(['.env', 'compose.yaml'])
  keep()
  expect(later()).toEqual([])
})

it('tells of what was changed by hand', () => {
  keep()
  expect(later([{ ...container, configHash: 'h2' }])).toEqual(['compose.yaml'])
  expect(later()).toEqual([])
})

it('tells nothing where what runs is not known, or is being changed', () => {
  expect(later()).toEqual([])
  keep({ contents: undefined })
  writeFileSync(file, 'services: { web: { image: other } }\n')
  expect(later()).toEqual([])
  keep({ contents: {} })
  expect(later()).toEqual(['compose.yaml'])
  const job = { stack: 'media', host: 'nas', action: 'deploy' as const, source: 'request' as const, caller: 'ci' }
  const report = emptyReport('2026-01-01T00:00:00Z')
  const begun = { heading: 'target' as const, starts: 0, plan: {}, fingerprint: '', containers: [], broken: [], proveAll: false }
  const jobId = '0199a8f0-0000-7000-8000-000000000000'
  open().begin({ jobId, job, report, target: 1, before: 1, ...begun, fault: null, told: false })
  expect(later()).toEqual([])
  expect(peekJournal(createFileStore(journalFolder(data, 'media')))?.open?.jobId).toBe(jobId)
  rmSync(dir, { recursive: true })
  expect(later()).toEqual([])
})
