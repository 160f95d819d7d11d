import { describe, expect, it } from 'vitest'
import type { Job } from '@deployer/shared/job'
import { queuedJob } from '@deployer/shared/queued-job'
import { decide, memoryOf, sortable, type StackMemory } from './events.ts'

const HOUR = 3_600_000
const base = queuedJob(
  '0199a8f0-0000-7000-8000-000000000001',
  { stack: 'media', host: 'nas', action: 'deploy', source: 'request', caller: 'ci' },
  false,
)
const good: Job = { ...base, state: 'succeeded', ok: true }
const bad = (message: string, more: Partial<Job> = {}): Job => ({
  ...base,
  state: 'failed',
  ok: false,
  code: 'step_failed',
  message,
  ...more,
})

/** Decides one job after the other, as they end an hour apart. */
function tell(...jobs: (Job | { late: Job })[]): string[] {
  let memory: StackMemory | null = null
  return jobs.map((given, index) => {
    const job = 'late' in given ? given.late : given
    const decided = decide(memory, sortable(`${index + 1}-0`), job, 'late' in given, index * HOUR, 24 * HOUR)
    memory = decided.memory
    return decided.events[0] ?? '-'
  })
}

describe('what is told', () => {
  it.each<[string, (Job | { late: Job })[], string[]]>([
    ['a success', [good, good], ['succeeded', 'succeeded']],
    ['the same failure once', [bad('web ended after 3 s'), bad('web ended after 4 s')], ['failed', '-']],
    [
      'the same failure of other images, at another time',
      [
        bad('web exited with 1, sha256:1f0e; release 12 runs again. See 10.0.0.1:80->10.0.0.2:43110 at 2026-01-01T00:00:00.000Z'),
        bad('web exited with 137, sha256:20aa; release 3 runs again. See 10.0.0.1:80->10.0.0.2:51234 at 2026-01-02T00:00:00.123Z'),
      ].map((job) => ({ ...job, message: job.message?.replace(/(?<=sha256:)\w+/, (start) => start.repeat(16)) ?? null })),
      ['failed', '-'],
    ],
    [
      'the failure of another service with a number',
      [bad('db1 ended'), bad('db2 ended'), bad('app-2 ended')],
      ['failed', 'failed', 'failed'],
    ],
    [
      'two that fail in turns once each, and again what has got worse in between',
      [bad('web ended'), bad('db ended'), bad('web ended'), bad('x', { code: 'rollback_failed' }), bad('web ended')],
      ['failed', 'failed', '-', 'rollback_failed', 'failed'],
    ],
    ['another failure', [bad('web ended'), bad('db ended')], ['failed', 'failed']],
    [
      'the same failure with another outcome',
      [bad('web ended', { rolled_back: true }), bad('web ended', { code: 'rollback_failed' })],
      ['rolled_back', 'rollback_failed'],
    ],
    [
      'the same failure after a day',
      [bad('x'), ...Array.from({ length: 25 }, () => bad('x'))],
      ['failed', ...Array.from({ length: 23 }, () => '-'), 'failed', '-'],
    ],
    ['a recovery, and then no more of it', [bad('x'), good, good], ['failed', 'recovered', 'succeeded']],
    ['the same failure after a recovery', [bad('x'), good, bad('x')], ['failed', 'recovered', 'failed']],
    [
      'what a worker has ended after all',
      [bad('x', { code: 'rollback_failed' }), { late: bad('y', { rolled_back: true }) }, good],
      ['rollback_failed', 'recovered', 'succeeded'],
    ],
    [
      'what could not be ended either',
      [bad('x', { code: 'rollback_failed' }), { late: bad('y', { code: 'rollback_failed' }) }],
      ['rollback_failed', 'rollback_failed'],
    ],
    ['a refusal', [bad('x', { code: 'path_mismatch' })], ['failed']],
  ])('%s', (_, jobs, expected) => {
    expect(tell(...jobs)).toEqual(expected)
  })

  it('of watching is an update where something changed', () => {
    const changes = [{ service: 'web' } as Job['changes'][number]]
    expect(tell({ ...good, source: 'watch', changes }, { ...good, source: 'watch' })).toEqual(['updated', 'succeeded'])
    expect(decide({ entry: '0', events: [], kind: 'x', told: {} }, '1', { ...good, source: 'watch', changes }, false, 0, 0).events).toEqual(
      ['recovered', 'updated', 'succeeded'],
    )
  })

  it('is the same when it is decided again, and nothing once a newer one was', () => {
    const first = decide(null, sortable('9-0'), bad('x'), false, 0, HOUR)
    expect(decide(first.memory, sortable('9-0'), bad('x'), false, 5, HOUR)).toEqual(first)
    const second = decide(first.memory, sortable('10-0'), good, false, 0, HOUR)
    expect(second.events).toEqual(['recovered', 'succeeded'])
    expect(decide(second.memory, sortable('9-0'), bad('x'), false, 0, HOUR)).toEqual({ memory: second.memory, events: [] })
  })

  it('has a memory for each stack, and for what says nothing of how it is with the stack one of its own', () => {
    expect(memoryOf(good)).toBe('nas/media')
    expect(memoryOf({ ...good, action: 'plan' })).toBe('nas/media plan')
    expect(memoryOf(bad('x', { code: 'held' }))).toBe('nas/media held')
    for (const state of ['running', 'canceled'] as const) expect(memoryOf({ ...base, state })).toBeNull()
  })
})
