import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { machineClock } from '../clock.ts'
import { NoAnswer } from '../ports.ts'
import { askForLooks } from './ask-for-looks.ts'
import type { StackLook } from './look-at-stacks.ts'
import { createMemory, peekPauses } from './memory.ts'

const PATH = process.env['PATH'] ?? ''
const folder = () => mkdtempSync(join(tmpdir(), 'deployer-watch-'))
const never = new AbortController().signal

function look(stack: string, images: Record<string, string[]>): StackLook {
  const sightings = Object.entries(images).map(([image, running], index) => {
    return { service: `s${index}`, image, mode: 'update' as const, running, isBuilt: false, unwanted: false }
  })
  const pace = { every: { kind: 'asked' as const }, window: null, minAge: 0, settle: 0 }
  return { stack, dir: folder(), wishes: { ...pace, modes: {}, problem: null, ignored: [] }, services: {}, sightings }
}

it('asks for each name once, however many services and stacks have it, and not for what came from no registry', async () => {
  const asked: string[] = []
  const ask = async (image: string) => {
    asked.push(image)
    if (image.includes('gone')) throw new NoAnswer('it is away', 500)
    return 'new'
  }
  const memory = createMemory(folder(), PATH, () => undefined)
  const looks = [
    look('one', { 'reg/app:1': ['old'], 'reg/db:1': ['new'], 'here:1': [] }),
    look('two', { 'reg/app:1': ['older'], 'reg/gone:1': ['old'] }),
  ]
  expect(await askForLooks({ memory, clock: machineClock, ask }, looks, never)).toEqual({
    local: ['here:1'],
    counts: new Map([['docker.io', { answered: 2, failed: 1 }]]),
  })
  expect(asked.sort()).toEqual(['reg/app:1', 'reg/db:1', 'reg/gone:1'])
  const { names } = memory.read()
  expect(Object.entries(names).map(([name, { source, problem }]) => [name, source, problem])).toEqual([
    ['reg/app:1', 'answered', null],
    ['reg/db:1', 'answered', null],
    ['here:1', 'local', null],
    ['reg/gone:1', 'unknown', 'it is away'],
  ])
  expect(names['reg/app:1']?.seen.map(({ digest, offered }) => [digest, offered])).toEqual([
    ['old', false],
    ['older', false],
    ['new', true],
  ])
  expect(await askForLooks({ memory, clock: machineClock, ask }, looks, never)).toMatchObject({ local: [] })
})

it('what is remembered is changed by one at a time, and outlives damage', async () => {
  const dir = folder()
  const damaged: string[] = []
  const memories = [1, 2, 3].map(() => createMemory(dir, PATH, () => damaged.push('yes')))
  await Promise.all(
    memories.flatMap((memory, worker) =>
      Array.from({ length: 5 }, (_, index) =>
        memory.update((file) => {
          file.pauses[`registry-${worker}-${index}`] = new Date().toISOString()
        }),
      ),
    ),
  )
  expect(Object.keys(memories[0]?.read().pauses ?? {})).toHaveLength(15)
  expect(peekPauses(dir)).toEqual(memories[0]?.read().pauses)
  writeFileSync(join(dir, 'watch.json'), '{"version": 2}')
  expect(() => memories[0]?.read()).toThrow('later release')
  writeFileSync(join(dir, 'watch.json'), '{"version": 1')
  const files = readdirSync(dir)
  expect(peekPauses(dir)).toEqual({})
  expect(readdirSync(dir)).toEqual(files)
  expect(memories[0]?.read().names).toEqual({})
  expect(damaged).toEqual(['yes'])
})
