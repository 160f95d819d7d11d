import { expect, it } from 'vitest'
import type { Clock, PatientEngine } from '../ports.ts'
import type { Release } from '../release/release.ts'
import type { Tools } from './tools.ts'
import { watchUp } from './watch-up.ts'

/** How an `up` ends during which `db` restarts over and over. */
async function endOf(condition: string) {
  let now = 0
  const clock = {
    now: () => now,
    wait: async (milliseconds: number) => {
      now += milliseconds
      await new Promise(setImmediate)
    },
  } as unknown as Clock
  const engine = {
    watch: (_: string, signal: AbortSignal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
    listContainers: async () => [{ id: 'db', service: 'db' }],
    inspect: async () => ({ id: 'db', restartCount: now / 1000 }),
    ping: async () => undefined,
  } as unknown as PatientEngine
  const definition = { name: 'media', services: { db: { image: 'db' }, web: { image: 'web', depends_on: { db: { condition } } } } }
  const up = async (signal: AbortSignal) => {
    for (let turns = 0; turns < 1000 && !signal.aborted; turns++) await new Promise(setImmediate)
    return { exitCode: signal.aborted ? null : 0, stdout: '' }
  }
  const tools = { engine, clock, limits: { steadyTime: 10 } } as unknown as Tools
  const context = { signal: new AbortController().signal, log: () => undefined }
  return (await watchUp(tools, { project: 'media', definition } as unknown as Release, context, up)).how
}

it.each([
  ['service_healthy', 'disproved'],
  ['service_completed_successfully', 'disproved'],
  ['service_started', 'exited'],
])('an up in which a service restarts that another one waits for by %s has %s', async (condition, how) => {
  expect(await endOf(condition)).toBe(how)
})
