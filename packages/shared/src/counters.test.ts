import { describe, expect, it } from 'vitest'
import { countJob } from './counters.ts'
import { emptyReport, type RunReport } from './job.ts'

const report: RunReport = {
  ...emptyReport('2026-01-01T12:00:00.000Z'),
  state: 'failed',
  code: 'step_failed',
  finished_at: '2026-01-01T12:00:01.000Z',
}

describe('countJob', () => {
  it.each([
    [{ state: 'succeeded', code: null }, 'succeeded'],
    [{ state: 'canceled', code: 'canceled' }, 'canceled'],
    [{}, 'failed'],
    [{ rolled_back: true }, 'rolled_back'],
    [{ code: 'rollback_failed' }, 'rollback_failed'],
    [{ code: 'wrong_image' }, 'wrong_image'],
    [{ code: 'wrong_image', rolled_back: true }, 'rolled_back'],
    [{ code: 'release_not_found' }, 'release_not_found'],
  ] satisfies [Partial<RunReport>, string][])('counts %j as %s', (ended, outcome) => {
    const counts = countJob({ stack: 'media', host: 'nas', action: 'deploy' }, { ...report, ...ended })
    expect(counts).toEqual([JSON.stringify(['deploys', 'media', 'nas', 'deploy', outcome]), 1])
  })
})
