import { expect, it } from 'vitest'
import type { Container, Engine } from '../ports.ts'
import { clearLeftovers } from './leftovers.ts'

const old = { id: `${'a'.repeat(12)}ffff`, name: 'x-web-1', state: 'running', service: 'web', replaces: null } as Container
const made = { ...old, id: 'b'.repeat(16), name: `${'a'.repeat(12)}_x-web-1`, state: 'created', replaces: old.id }

async function clear(containers: Container[]) {
  const calls: string[] = []
  const engine = {
    removeContainer: async (id: string) => void calls.push(`remove ${id}`),
    renameContainer: async (id: string, name: string) => calls.push(`rename ${id} ${name}`) > 0,
  } as unknown as Engine
  const left = await clearLeftovers(engine, containers, { signal: new AbortController().signal, log: () => undefined })
  return { calls, names: left.map(({ name }) => name) }
}

it('removes one that never ran while what it was to replace is there', async () => {
  expect(await clear([old, made])).toEqual({ calls: [`remove ${made.id}`], names: ['x-web-1'] })
  expect(await clear([old, { ...made, replaces: 'web-1' }])).toMatchObject({ calls: [`remove ${made.id}`] })
  expect(await clear([old, { ...made, replaces: null }])).toMatchObject({ calls: [`remove ${made.id}`] })
})

it('keeps the only holder of what its predecessor had, and gives it its name', async () => {
  expect(await clear([made])).toEqual({ calls: [`rename ${made.id} x-web-1`], names: ['x-web-1'] })
  const running = { ...made, state: 'running' }
  expect(await clear([running])).toEqual({ calls: [`rename ${made.id} x-web-1`], names: ['x-web-1'] })
})

it('touches nothing else', async () => {
  const stranger = { ...old, id: 'c'.repeat(16) }
  expect(await clear([stranger, made])).toEqual({ calls: [], names: ['x-web-1', made.name] })
  expect(await clear([old, { ...made, state: 'running' }])).toMatchObject({ calls: [] })
})
