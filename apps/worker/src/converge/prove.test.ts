import { expect, it } from 'vitest'
import type { Clock, Container, PatientEngine } from '../ports.ts'
import type { Release } from '../release/release.ts'
import { prove } from './prove.ts'
import type { Tools } from './tools.ts'

it.each([
  ['counts against one that was just made', true, 'disproved'],
  ['does not count against one that was there before', false, 'proved'],
])('a restart that was before %s', async (_, isFresh, how) => {
  let now = 0
  const clock = {
    now: () => now,
    wait: async (milliseconds: number) => {
      now += milliseconds
    },
  } as unknown as Clock
  const health = { id: 'web', service: 'web', status: 'running', exitCode: 0, health: 'none', restartCount: 5, startedAt: 'then' }
  const engine = {
    watch: (_: string, signal: AbortSignal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
    inspect: async () => health,
    lastLogLines: async () => '',
  } as unknown as PatientEngine
  const release = { project: 'media', definition: { name: 'media', services: { web: {} } }, services: { web: { mayEnd: false } } }
  const tools = { engine, clock, limits: { steadyTime: 10 } } as unknown as Tools
  const context = { signal: new AbortController().signal, log: () => undefined }
  const fresh = new Set(isFresh ? ['web'] : [])
  expect((await prove(tools, release as unknown as Release, [{ id: 'web', service: 'web' } as Container], fresh, context)).how).toBe(how)
})
