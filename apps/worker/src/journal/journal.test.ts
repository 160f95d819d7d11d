import { mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { emptyReport } from '@deployer/shared/job'
import type { Release } from '../release/release.ts'
import { createFileStore } from './file-store.ts'
import { JournalTooNew, peekJournal, type Entry } from './journal-file.ts'
import { Journal } from './journal.ts'

const jobId = '0199a8f0-0000-7000-8000-000000000000'

function newFolder() {
  const data = mkdtempSync(join(tmpdir(), 'deployer-journal-'))
  const folder = join(data, 'releases', 'media')
  const damaged: string[] = []
  return { folder, damaged, open: () => new Journal(createFileStore(folder), (what) => damaged.push(what)) }
}

function draft(name: string, more: Partial<Release> = {}): Omit<Release, 'number'> {
  return {
    version: 1,
    at: '2026-01-01T00:00:00Z',
    jobId: null,
    by: null,
    project: 'media',
    projectDir: '/opt/stacks/media',
    files: [],
    envFiles: [],
    definition: { name: 'media', services: {} },
    environment: { NAME: name },
    unset: [],
    fingerprint: '',
    hashedBy: '',
    lost: [],
    services: {},
    ...more,
  }
}

function entry(target: number, before: number): Entry {
  const job = { stack: 'media', host: 'nas', action: 'deploy' as const, source: 'request' as const, caller: 'ci' }
  return {
    jobId,
    job,
    target,
    before,
    heading: 'target',
    starts: 0,
    report: emptyReport('2026-01-01T00:00:00Z'),
    plan: {},
    fingerprint: '',
    containers: [],
    broken: [],
    proveAll: false,
    fault: null,
    told: false,
  }
}

/** Makes a release run, as a deploy does. */
function deploy(journal: Journal, name: string, proven: boolean, keep = 2): number {
  const before = journal.file.current ?? journal.save(draft('first'), true).number
  journal.observe(before)
  const { number } = journal.save(draft(name))
  journal.begin(entry(number, before))
  journal.close(entry(number, before).report, number, proven, keep)
  return number
}

it('is as it was for whoever opens it next, and readable by its owner alone', () => {
  const { folder, open } = newFolder()
  const first = open()
  const before = first.save(draft('before'), true)
  first.observe(before.number)
  const target = first.save(draft('target'))
  first.begin(entry(target.number, before.number))
  first.update({ heading: 'before', starts: 2, fault: 'why' })
  const again = open()
  expect(again.file.open).toMatchObject({ jobId, target: 2, before: 1, heading: 'before', starts: 2, fault: 'why' })
  expect(again.release(2)).toMatchObject({ number: 2, environment: { NAME: 'target' } })
  expect(peekJournal(createFileStore(folder))?.open?.jobId).toBe(jobId)
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600)
})

it('keeps the last verified releases and what runs, and forgets the rest', () => {
  const { folder, open } = newFolder()
  const journal = open()
  for (const name of ['a', 'b', 'c']) deploy(journal, name, true)
  expect(journal.releases().map(({ release }) => release.number)).toEqual([4, 3])
  expect(readdirSync(folder).sort()).toEqual(['3.json', '4.json', 'journal.json'])
  deploy(journal, 'bad', false)
  expect(journal.file).toMatchObject({ current: 5, unproven: true, open: null })
  expect(journal.releases().map(({ release, verified }) => [release.number, verified])).toEqual([
    [5, false],
    [4, true],
    [3, true],
  ])
})

it('gives what runs no second number, and a release that ran long ago a new one', () => {
  const journal = newFolder().open()
  const first = deploy(journal, 'a', true, 5)
  expect(journal.save(draft('a')).number).toBe(first)
  const second = deploy(journal, 'b', true, 5)
  expect(second).toBeGreaterThan(first)
  expect(journal.save(draft('a')).number).toBeGreaterThan(second)
})

it('knows what was well last, which an operator may have chosen among the older ones', () => {
  const { open } = newFolder()
  const journal = open()
  const old = deploy(journal, 'old', true, 2)
  const newer = deploy(journal, 'newer', true, 2)
  journal.begin(entry(old, newer))
  journal.close(entry(old, newer).report, old, true, 2)
  deploy(journal, 'bad', false, 2)
  expect(open().lastProven()?.number).toBe(old)
  deploy(journal, 'good', true, 2)
  expect(open().lastProven()?.number).toBe(open().file.current)
})

it('tells each end until somebody has heard it', () => {
  const { open } = newFolder()
  const journal = open()
  deploy(journal, 'a', true)
  expect(open().file.untold).toMatchObject([{ jobId, job: { stack: 'media', caller: 'ci' } }])
  journal.told(jobId)
  expect(open().file.untold).toEqual([])
})

it('stays open when a job ends without it, and is told as it has become at its own end', () => {
  const { open } = newFolder()
  const journal = open()
  const before = journal.save(draft('before'), true).number
  const target = journal.save(draft('target')).number
  journal.begin(entry(target, before))
  journal.update({ starts: 4 })
  journal.tellUnfinished(entry(target, before).report)
  expect(open().file).toMatchObject({ open: { told: true, starts: 0 }, untold: [{ jobId }] })
  journal.told(jobId)
  journal.close(entry(target, before).report, before, true, 5)
  expect(open().file).toMatchObject({ open: null, untold: [{ jobId }] })
})

it('puts what it cannot read aside, says so, and goes on with the next number', () => {
  const { folder, damaged, open } = newFolder()
  deploy(open(), 'a', true)
  writeFileSync(join(folder, 'journal.json'), '{"version":1,"next"')
  writeFileSync(join(folder, '7.json'), 'not json')
  const journal = open()
  expect(damaged).toEqual(['journal.json'])
  expect(journal.file).toMatchObject({ next: 8, current: null, open: null })
  expect(journal.release(7)).toBe(null)
  expect(readdirSync(folder).filter((name) => name.includes('damaged'))).toHaveLength(2)
})

it('leaves what a later release of Deployer has written as it is', () => {
  const { folder, open } = newFolder()
  deploy(open(), 'a', true)
  writeFileSync(join(folder, 'journal.json'), '{"version":2,"something":"new"}')
  expect(open).toThrow(JournalTooNew)
  expect(readdirSync(folder).filter((name) => name.includes('damaged'))).toEqual([])
})

it('rejected digests are written so that a worker which knows one of each service reads the last', () => {
  const { folder, open } = newFolder()
  const journal = open()
  const { number } = journal.save(draft('one'))
  journal.begin(entry(number, number))
  journal.close(emptyReport('2026-01-01T00:00:00Z'), number, true, 5, { web: ['a', 'b'], db: ['x'] })
  const written: unknown = JSON.parse(createFileStore(folder).read('journal.json') ?? '')
  expect(written).toMatchObject({ rejected: { web: 'b', db: 'x' } })
  expect(open().file.rejected).toEqual({ web: ['a', 'b'], db: ['x'] })
  createFileStore(folder).write('journal.json', JSON.stringify({ ...(written as object), rejectedBefore: undefined }))
  expect(open().file.rejected).toEqual({ web: ['b'], db: ['x'] })
})

it('keeps what was well last, also where it is older than those that are kept', () => {
  const { open } = newFolder()
  const journal = open()
  const old = deploy(journal, 'old', true, 5)
  for (const name of ['b', 'c']) deploy(journal, name, true, 5)
  journal.begin(entry(old, journal.file.current ?? 0))
  journal.close(entry(old, 0).report, old, true, 2)
  deploy(journal, 'bad', false, 2)
  expect(open().lastProven()?.number).toBe(old)
})

it('tells once of a job whose engine stays away, however often somebody tries to end it', () => {
  const { open } = newFolder()
  const journal = open()
  const before = journal.save(draft('before'), true).number
  const target = journal.save(draft('target')).number
  journal.begin(entry(target, before))
  for (let times = 0; times < 2; times++) journal.tellUnfinished(entry(target, before).report)
  expect(open().file.untold).toHaveLength(1)
})

it('remembers each image that a deploy has brought, also beside one that it knew', () => {
  const { open } = newFolder()
  const journal = open()
  journal.addPulled({ one: 'web:1' })
  journal.addPulled({ one: 'web:1', two: 'db:1' })
  expect(open().file).toMatchObject({ pulled: ['one', 'two'], pulledAs: { one: 'web:1', two: 'db:1' } })
})
