import { expect, it } from 'vitest'
import { createRandom, type Random } from '../../lab/random.ts'
import type { Fault, Stroke } from './fate.ts'
import { check } from './invariants.ts'
import { makeScenarios } from './scenarios.ts'
import { simulate, Trouble, type Scenario } from './simulate.ts'

/** SIMULATE: so many pairs of faults, with every fault at every point before; SIMULATE_SEED repeats a run. */
const long = Number(process.env['SIMULATE'] ?? 0)
const seed = Number(process.env['SIMULATE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** Pairs, and single faults other than deaths for each scenario, where nothing is said. */
const PAIRS = 300
const SAMPLES = 20
const patience = { timeout: 24 * 3_600_000 }

const FAULTS: Fault[] = [
  'death',
  'death, compose goes on',
  'lock lost',
  'engine away',
  'engine restarts',
  'compose killed',
  'redis away',
  'redis empty',
]
const PAUSES = [0, 50, 1000, 30_000]

const scenarios = await makeScenarios()
const pointsOf = new Map<Scenario, number>()

/** @returns How many points there were. @throws With the whole story, where something is not as it has to be. */
async function play(scenario: Scenario, strokes: Stroke[]): Promise<number> {
  try {
    const run = await simulate(scenario, strokes)
    check(
      scenario,
      run,
      strokes.map(({ fault }) => fault),
    )
    return run.points
  } catch (error) {
    if (!(error instanceof Trouble)) throw error
    const again = await simulate(scenario, strokes, true).then(
      ({ host }) => host,
      (again: Trouble) => again.host,
    )
    const what = `${scenario.name}, ${JSON.stringify(strokes)}, seed ${seed}`
    throw new Error(`${what}: ${error.message}\n${again.fate.lines.join('\n')}`, { cause: error })
  }
}

/** Plays many, and tells the shortest story of what went wrong. */
async function playAll(what: string, plays: Iterable<[Scenario, Stroke[]]>): Promise<void> {
  const began = performance.now()
  const bad: string[] = []
  let count = 0
  for (const [scenario, strokes] of plays) {
    count++
    await play(scenario, strokes).catch((error: Error) => bad.push(error.message))
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  process.stdout.write(`simulation, ${what}: ${count} runs in ${seconds} s, seed ${seed}\n`)
  const [shortest] = bad.sort((a, b) => a.length - b.length)
  expect(
    bad.map((story) => story.split('\n')[0]),
    shortest,
  ).toEqual([])
}

it('every scenario ends as it should where nothing happens to it', patience, async () => {
  for (const scenario of scenarios) pointsOf.set(scenario, await play(scenario, []))
  const points = [...pointsOf.values()].reduce((sum, one) => sum + one, 0)
  process.stdout.write(`simulation: ${scenarios.length} scenarios with ${points} points\n`)
})

it('a worker may die at every point', patience, async () => {
  function* plays(): Iterable<[Scenario, Stroke[]]> {
    for (const [scenario, points] of pointsOf) {
      for (let at = 0; at < points; at++) yield [scenario, [{ at, fault: 'death', pause: 1000 }]]
    }
  }
  await playAll('single deaths', plays())
})

it('whatever else happens may happen at any point', patience, async () => {
  const random = createRandom(seed)
  function* plays(): Iterable<[Scenario, Stroke[]]> {
    for (const [scenario, points] of pointsOf) {
      const others = FAULTS.filter((fault) => fault !== 'death')
      const all = others.flatMap((fault) => Array.from({ length: points }, (_, at) => ({ at, fault, pause: random.pick(PAUSES) })))
      const some = long > 0 ? all : Array.from({ length: SAMPLES }, () => random.pick(all))
      for (const stroke of some) yield [scenario, [stroke]]
    }
  }
  await playAll('other single faults', plays())
})

it('two things may happen in one run', patience, async () => {
  const random = createRandom(seed)
  function* plays(): Iterable<[Scenario, Stroke[]]> {
    for (let pair = 0; pair < (long || PAIRS); pair++) {
      const scenario = random.pick(scenarios)
      // What follows a death has points too.
      const points = 1.5 * (pointsOf.get(scenario) ?? 0)
      yield [scenario, [stroke(random, points), stroke(random, points)]]
    }
  }
  await playAll('pairs', plays())
})

function stroke(random: Random, points: number): Stroke {
  // Deaths are what it is about.
  const fault = random.chance(0.4) ? 'death' : random.pick(FAULTS)
  return { at: random.below(points), fault, pause: random.pick(PAUSES) }
}
