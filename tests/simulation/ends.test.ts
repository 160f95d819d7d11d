import { expect, it } from 'vitest'
import type { Fault, Stroke } from './fate.ts'
import type { Host } from './host.ts'
import { check, shape } from './invariants.ts'
import { makeScenarios } from './scenarios.ts'
import { simulate, type Scenario } from './simulate.ts'
import { journalOf } from './start-job.ts'

const scenarios = await makeScenarios()

function find(name: string): Scenario {
  const found = scenarios.find((one) => one.name === name)
  if (!found) throw new Error(`no scenario is called "${name}"`)
  return found
}

/** What a run without further strokes goes through. */
const linesOf = async (scenario: Scenario, strokes: Stroke[]) => (await simulate(scenario, strokes, true)).host.fate.lines
/** The numbers of the points in some lines, those alone that a pattern fits. */
const pointsIn = (lines: string[], pattern: RegExp) =>
  lines.filter((line) => pattern.test(line)).flatMap((line) => /#(\d+) /.exec(line)?.slice(1).map(Number) ?? [])
const strike = (at: number | undefined, fault: Fault): Stroke => ({ at: at ?? -1, fault, pause: 1000 })
const runs = ({ engine }: Host) => shape(engine.state.containers)

it('a job that ends its worker over and over goes back, and is given up at last', async () => {
  const scenario = find('a good image')
  const strokes: Stroke[] = []
  const dieOnceMore = async () => strokes.push(strike(pointsIn(await linesOf(scenario, strokes), /before listContainers/).at(-1), 'death'))
  for (let deaths = 0; deaths < 3; deaths++) await dieOnceMore()
  const back = await simulate(scenario, strokes)
  expect(back.job.report).toMatchObject({ state: 'failed', rolled_back: true, message: expect.stringContaining('died 3 times') })
  expect(runs(back.host)).toBe(shape(back.first.engine.containers))
  for (let deaths = 0; deaths < 2; deaths++) await dieOnceMore()
  const { job, host } = await simulate(scenario, strokes)
  expect(job.report).toMatchObject({ code: 'rollback_failed', rolled_back: false, message: expect.stringContaining('died 5 times') })
  expect(journalOf(host).file).toMatchObject({ open: null, unproven: true })
})

it('no worker runs `up` on a stack that it is part of, whoever goes on', async () => {
  const scenario: Scenario = { ...find('a stack of its own, good'), next: 'recovery' }
  const lines = await linesOf(scenario, [])
  const begun = lines.findIndex((line) => line.includes('"open":{') || line.includes('startHelper'))
  for (const at of pointsIn(lines.slice(begun), /./)) {
    const run = await simulate(scenario, [strike(at, 'death')], true)
    check(scenario, run, ['death'])
    expect(run.host.fate.lines.filter((line) => / worker .*before compose up/.test(line))).toEqual([])
  }
})

it('who has turned back does not try the target again', async () => {
  const scenario = find('an image that ends at once')
  const lines = await linesOf(scenario, [])
  const turned = lines.findIndex((line) => line.includes('"name":"rollback","state":"running"'))
  for (const at of pointsIn(lines.slice(turned), /before|after/).slice(0, 8)) {
    const { job } = await simulate(scenario, [strike(at, 'death')])
    expect(job.report?.rolled_back).toBe(true)
    expect(job.report?.steps.map(({ name }) => name)).toEqual(['status', 'config', 'pull', 'rollback'])
  }
})

/** The points of a run from the moment on in which there is no way but forward. */
async function pointsOnceBegun(scenario: Scenario, strokes: Stroke[], from = 0): Promise<number[]> {
  const lines = await linesOf(scenario, strokes)
  const up = lines.findIndex((line) => line.includes('"name":"up","state":"running"'))
  return pointsIn(lines.slice(up), /./).filter((at) => at > from)
}

it('what has begun is not broken off because its job has lost its lock', async () => {
  const scenario = find('a good image')
  const inUp = (await pointsOnceBegun(scenario, []))[4]
  const resumed = strike(inUp, 'death')
  for (const strokes of [[], [resumed]]) {
    const points = await pointsOnceBegun(scenario, strokes, strokes[0]?.at)
    // The start that ends it has a step to lose it in.
    for (const at of points.slice(strokes.length * 6, strokes.length * 6 + 8)) {
      const { job } = await simulate(scenario, [...strokes, strike(at, 'lock lost')])
      expect([job.attempt, job.report?.state]).toEqual([strokes.length + 1, 'succeeded'])
    }
  }
})

it.each<Fault>(['disk full', 'death, folder locked'])('what has begun is ended by its own job, and told by it: %s', async (fault) => {
  const scenario = find('a good image')
  const points = await pointsOnceBegun(scenario, [])
  const [saved = 0] = pointsIn(await linesOf(scenario, []), /after redis save/)
  for (const at of points.filter((at) => at < saved)) {
    const { job, host } = await simulate(scenario, [strike(at, fault)])
    expect(job.report).toMatchObject({ state: 'succeeded', release: 2 })
    expect(journalOf(host).file).toMatchObject({ open: null, untold: [], current: 2 })
  }
})

it.each(['a good image', 'an image that ends at once'])('an engine that stays away keeps no job waiting for ever: %s', async (name) => {
  const scenario = find(name)
  const [at] = pointsIn(await linesOf(scenario, []), / create [0-9a-f]{12}_/)
  const { job, host, first } = await simulate(scenario, [strike(at, 'engine stays away')])
  expect(job.report).toMatchObject({
    code: 'rollback_failed',
    rolled_back: false,
    message: expect.stringContaining('as soon as the engine is back'),
  })
  // By now it is.
  expect(journalOf(host).file).toMatchObject({ open: null, untold: [], unproven: false })
  expect(runs(host)).toBe(shape(first.engine.containers))
})

it('what an unproven release has left running is removed where the files no longer have it, and told', async () => {
  const state = structuredClone(find('nothing new').state)
  state.sources.definition.services['extra'] = { image: 'reg/cache:1', restart: 'unless-stopped' }
  state.sources.version += '+'
  const first = await simulate({ ...find('nothing new'), state }, [])
  const next = structuredClone({ ...first.host.state, now: first.host.time.now() })
  // As a deploy leaves it whose `verify` has failed, where nothing is rolled back.
  const file = JSON.parse(next.disk['journal.json'] ?? '')
  next.disk['journal.json'] = JSON.stringify({ ...file, unproven: true, proven: 1 })
  delete next.sources.definition.services['extra']
  next.sources.version += '+'
  const { job, host } = await simulate({ ...find('nothing new'), state: next }, [])
  expect(job.report).toMatchObject({ state: 'succeeded', changes: [{ service: 'extra', to: null }] })
  expect(runs(host)).toBe(shape(find('nothing new').state.engine.containers))
})

it.each(['a stack of its own, good', 'a stack of its own, another service'])(
  'a worker whose releases would be lost refuses the deploy, and a plan says so: %s',
  async (name) => {
    const scenario: Scenario = { ...find(name), keepsData: false }
    const { job, host, first } = await simulate(scenario, [])
    expect(job.report).toMatchObject({ state: 'failed', code: 'no_data_volume' })
    expect(runs(host)).toBe(shape(first.engine.containers))
    const planned = await simulate({ ...scenario, action: 'plan' }, [])
    expect(planned.job.report).toMatchObject({ state: 'succeeded', plan: expect.any(Array), refusal: { code: 'no_data_volume' } })
  },
)
