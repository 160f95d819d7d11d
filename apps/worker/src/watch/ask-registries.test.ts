import { expect, it, vi } from 'vitest'
import { machineClock } from '../clock.ts'
import { NoAnswer, type Clock } from '../ports.ts'
import { askRegistries, createTurns, type AskRegistry, type LeftAlone } from './ask-registries.ts'

const never = new AbortController().signal
const MINUTE = 60_000
/** By the clock that is handed in. */
let now = Date.parse('2026-11-25T12:00:00.000Z')
const clock: Clock = { ...machineClock, timestamp: () => new Date(now).toISOString(), wait: async () => undefined }
const questions = (registry: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ image: `${registry}/app${index}:1`, logins: [null] }))
const busy = { pauses: {}, refusals: {} }

it.each([
  [429, [15, 30, 60, 120, 240, 360, 360]],
  [503, [1, 2, 4, 8, 16, 32, 64]],
])('a registry that says %d and not for how long is left alone, by all of its names and for longer each time', async (status, minutes) => {
  const asked: string[] = []
  let well = false
  const ask: AskRegistry = async (image) => {
    asked.push(image)
    if (!well) throw new NoAnswer('it says no', status)
    return 'digest'
  }
  const left: LeftAlone = { pauses: {}, refusals: {} }
  const round = () => askRegistries(questions('busy.example.com', 20), ask, clock, left, never, createTurns(1))
  for (const pause of minutes) {
    asked.length = 0
    const answers = [...(await round()).values()].map((one) => ('problem' in one ? one.problem : one.digest))
    const until = new Date(now + pause * MINUTE).toISOString()
    expect([asked.length, left.pauses]).toEqual([1, { 'busy.example.com': until }])
    expect(answers.filter((one) => one.includes(`left alone until ${until}`))).toHaveLength(20)
    expect(answers.filter((one) => one.startsWith('it says no'))).toHaveLength(1)
    // The next ticks do not ask either.
    now += pause * MINUTE - 1
    await round()
    expect(asked).toHaveLength(1)
    now += 1
  }
  well = true
  expect([...(await round()).values()]).toEqual(Array.from({ length: 20 }, () => ({ digest: 'digest' })))
  expect(left.refusals).toEqual({})
})

it('several that are asked at once and say so count once, and what the registry says goes before our own', async () => {
  let after: number | null = null
  const ask: AskRegistry = async () => {
    await machineClock.wait(20, never)
    throw new NoAnswer('slow down', 429, after)
  }
  const left: LeftAlone = { pauses: {}, refusals: {} }
  await askRegistries(questions('many.example.com', 3), ask, clock, left, never)
  expect(left.refusals).toEqual({ 'many.example.com': 1 })
  now += 15 * MINUTE
  after = 120
  await askRegistries(questions('many.example.com', 1), ask, clock, left, never)
  expect(left.pauses).toEqual({ 'many.example.com': new Date(now + 2 * MINUTE).toISOString() })
})

it('a registry that hangs holds up nobody else, and is given up after its time', async () => {
  const over = new AbortController()
  const open = new Set<string>()
  const asked: string[] = []
  const ask: AskRegistry = async (image, _login, signal) => {
    asked.push(image)
    if (!image.startsWith('hangs')) return 'digest'
    open.add(image)
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new NoAnswer('it took too long'))))
    return ''
  }
  const patient: Clock = { ...clock, timeout: () => over.signal }
  const turns = createTurns()
  const round = (...of: ReturnType<typeof questions>) => askRegistries(of, ask, patient, { ...busy }, never, turns)
  const answers = round(...questions('hangs.example.com', 60), ...questions('quick.example.com', 2))
  await vi.waitFor(() => expect(asked.filter((image) => image.startsWith('quick'))).toHaveLength(2))
  // So does a check of another stack meanwhile, which counts among the four.
  expect(await round(...questions('other.example.com', 3))).toHaveProperty('size', 3)
  expect(open.size).toBe(3)
  over.abort()
  const found = await answers
  expect(found.get('quick.example.com/app1:1')).toEqual({ digest: 'digest' })
  expect([...found.values()].filter((one) => 'problem' in one)).toHaveLength(60)
  expect(asked.filter((image) => image.startsWith('hangs'))).toHaveLength(3)
})

it('no more than four questions are open at once, whoever asks', async () => {
  let open = 0
  let most = 0
  const ask: AskRegistry = async () => {
    most = Math.max(most, ++open)
    await machineClock.wait(10, never)
    open--
    return 'digest'
  }
  const turns = createTurns()
  const all = Array.from({ length: 12 }, (_, index) => questions(`r${index}.example.com`, 1)).flat()
  await Promise.all([1, 2, 3].map(() => askRegistries(all, ask, clock, { ...busy }, never, turns)))
  expect(most).toBe(4)
})

it('questions to one registry are spread, and those to others do not wait for that', async () => {
  const waits: number[] = []
  const still: Clock = { ...clock, now: () => 1000, wait: async (milliseconds) => void waits.push(milliseconds) }
  const all = [...questions('one.example.com', 4), ...questions('two.example.com', 1)]
  await askRegistries(all, async () => 'digest', still, { ...busy }, never)
  expect(waits.sort((a, b) => a - b)).toEqual([50, 100, 150])
})

it('the longest pause of several that were asked at once counts', async () => {
  const after = [3600, 60]
  const ask: AskRegistry = async () => {
    const seconds = after.shift() ?? 0
    await machineClock.wait(seconds === 3600 ? 5 : 40, never)
    throw new NoAnswer('slow down', 429, seconds)
  }
  const left: LeftAlone = { pauses: {}, refusals: {} }
  await askRegistries(questions('longest.example.com', 2), ask, clock, left, never)
  expect(left.pauses).toEqual({ 'longest.example.com': new Date(now + 60 * MINUTE).toISOString() })
})
