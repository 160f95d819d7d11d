import { expect, it } from 'vitest'
import type { Release } from './release.ts'
import { rejectedAfter, withoutRejected, type Rejected } from './rejected.ts'

const release = (digests: Record<string, string | null>) =>
  ({ services: Object.fromEntries(Object.entries(digests).map(([service, digest]) => [service, { digest }])) }) as unknown as Release
const before = release({ web: 'a', db: 'x', built: null })
const target = release({ web: 'b', db: 'x', built: null, cache: 'n' })
const updated = { action: 'deploy', source: 'watch', only: { web: 'b' } } as const
const watched = { action: 'deploy', source: 'watch' } as const
const signed = { action: 'deploy', source: 'request' } as const
const back = { action: 'rollback', source: 'request' } as const
const well = { state: 'succeeded', rolled_back: false, code: null } as const
const rolledBack = { state: 'failed', rolled_back: true, code: 'step_failed' } as const

it.each([
  ['a watched deploy that was rolled back', watched, rolledBack, { old: ['o'] }, { old: ['o'], web: ['b'], cache: ['n'] }],
  ['a signed one too', signed, rolledBack, {}, { web: ['b'], cache: ['n'] }],
  [
    'one whose way back failed',
    watched,
    { ...rolledBack, rolled_back: false, code: 'rollback_failed' } as const,
    {},
    { web: ['b'], cache: ['n'] },
  ],
  ['one that changed nothing', watched, { ...rolledBack, rolled_back: false }, { web: ['o'] }, { web: ['o'] }],
  ['a signed one that is well forgives all', signed, well, { web: ['o'], db: ['p'] }, {}],
  [
    'a watched one that is well forgives what the names of its services have moved on from',
    updated,
    well,
    { web: ['o'], db: ['p'] },
    { db: ['p'] },
  ],
  ['a rollback on request leaves what it goes back from', back, well, { db: ['p'] }, { db: ['p'], web: ['a'] }],
  ['one more, which goes back further, forgives nothing', back, well, { web: ['z'] }, { web: ['z', 'a'] }],
] as const)('%s', (_, job, report, rejected, after) => {
  expect(rejectedAfter(rejected as unknown as Rejected, job, report, target, before)).toEqual(after)
})

it('a release that is kept no more has nothing to reject', () => {
  expect(rejectedAfter({ web: ['o'] }, watched, rolledBack, null, before)).toEqual({ web: ['o'] })
})

it('what watching has asked for is done without what was rolled back while it waited, and what others ask for is done whole', () => {
  const job = { stack: 'media', host: 'nas', caller: 'watch', ...watched }
  expect(withoutRejected({ ...job, only: { web: 'b', db: 'y' } }, { web: ['a', 'b'], db: ['x'] })).toEqual({ ...job, only: { db: 'y' } })
  expect(withoutRejected({ ...job, only: { web: 'b' } }, { web: ['b'] })).toBeNull()
  expect(withoutRejected({ ...job, ...signed }, { web: ['b'] })).toEqual({ ...job, ...signed })
})
