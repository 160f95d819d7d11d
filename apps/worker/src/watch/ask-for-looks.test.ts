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
    return { service: `s${index}`, image, mode: 'update' as const, running, isBuilt: false, labels: {}, unwanted: false }
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

it('a registry that says "too many" is left alone by later rounds and other workers too, until it answers again', async () => {
  const dir = folder()
  let now = Date.parse('2026-11-25T12:00:00.000Z')
  let asked = 0
  let well = false
  const ask = async () => {
    asked++
    if (!well) throw new NoAnswer('slow down', 429)
    return 'new'
  }
  const clock = { ...machineClock, timestamp: () => new Date(now).toISOString() }
  const round = () => {
    const memory = createMemory(dir, PATH, () => undefined)
    return askForLooks({ memory, clock, ask }, [look('one', { 'reg.example.com/app:1': ['old'] })], never).then(() => memory.read())
  }
  for (const [minutes, times] of [
    [0, 1],
    [14, 1],
    [16, 2],
    [45, 2],
    [47, 3],
  ] as const) {
    now = Date.parse('2026-11-25T12:00:00.000Z') + minutes * 60_000
    const { names, refusals } = await round()
    expect([asked, refusals]).toEqual([times, { 'reg.example.com': times }])
    expect(names['reg.example.com/app:1']).toMatchObject({ source: 'unknown', problem: expect.stringContaining('left alone until') })
  }
  well = true
  now += 3_600_000
  expect(await round()).toMatchObject({
    pauses: {},
    refusals: {},
    names: { 'reg.example.com/app:1': { source: 'answered', problem: null } },
  })
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

it('a name that its registry does not have is local only where no stack runs an image that came from there', async () => {
  const memory = createMemory(folder(), PATH, () => undefined)
  const ask = async () => {
    throw new NoAnswer('no such image', 404)
  }
  const looks = [look('built', { 'reg.example.com/app:1': [] }), look('pulled', { 'reg.example.com/app:1': ['old'] })]
  expect((await askForLooks({ memory, clock: machineClock, ask }, looks, never)).local).toEqual([])
  expect(memory.read().names['reg.example.com/app:1']?.source).toBe('unknown')
})
