import { expect, it } from 'vitest'
import type { Container, Engine } from '../ports.ts'
import { findBroken } from './find-broken.ts'

const well: Container = { id: 'well', state: 'running', health: 'none', exitCode: null, young: false } as Container
const containers = [
  well,
  { ...well, id: 'started just now', young: true },
  { ...well, id: 'loops, and runs at this moment', young: true },
  { ...well, id: 'was restarted long ago' },
  { ...well, id: 'waits for its restart', state: 'restarting', exitCode: 1 },
  { ...well, id: 'unhealthy', health: 'unhealthy' as const },
  { ...well, id: 'failed', state: 'exited', exitCode: 1 },
  { ...well, id: 'completed', state: 'exited', exitCode: 0 },
  { ...well, id: 'gone', young: true },
]

it('finds what does not do what it was made for, what loops included', async () => {
  const restarts: Record<string, number> = { 'loops, and runs at this moment': 3, 'was restarted long ago': 1, 'started just now': 0 }
  const engine = { inspect: async (id: string) => (id in restarts ? { restartCount: restarts[id] } : null) } as unknown as Engine
  const broken = await findBroken(engine, containers, new AbortController().signal)
  expect(broken.map(({ id }) => id)).toEqual(['loops, and runs at this moment', 'waits for its restart', 'unhealthy', 'failed'])
})
