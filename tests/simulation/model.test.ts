import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { createCompose, findCompose } from '../../apps/worker/src/adapters/compose-cli.ts'
import { createEngine } from '../../apps/worker/src/adapters/engine-api.ts'
import { untraced } from '../../packages/shared/src/telemetry.ts'
import type { Compose, Container, Engine, StackPaths } from '../../apps/worker/src/ports.ts'
import { makeImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { createFate } from './fate.ts'
import { createModelCompose, type Definition, type ModelService, type Sources } from './model-compose.ts'
import { ModelEngine } from './model-engine.ts'
import { createTime } from './time.ts'
import { engine as labEngine, registry, useWorld } from '../support.ts'

const world = useWorld()
const never = new AbortController().signal

/** What the model's programs are on a real engine. */
const COMMANDS: Record<string, string[]> = {
  crash: ['/bin/busybox', 'false'],
  once: ['/bin/busybox', 'sleep', '0.7'],
}
/** Of the model's programs, what compose has to be told besides. */
const SICK = { test: ['CMD', '/bin/busybox', 'false'], interval: '500ms', retries: 1 }

const image = (version: string) => `${registry}/model:${version}`
const web: ModelService = { image: image('1'), depends_on: { db: { condition: 'service_started' } } }
const db: ModelService = { image: image('1'), volumes: ['/data'] }
const task: ModelService = { image: image('1'), command: ['once'] }
const all = { web, db, task }

/** A move: what the file says from then on, what is done by hand before, and the services that `up` is for. */
interface Move {
  what: string
  services: Record<string, ModelService>
  networks?: Definition['networks']
  byHand?: (engine: Engine, containers: Container[]) => Promise<unknown>
  only?: string[]
}

const stopDatabase: Move['byHand'] = (engine, containers) =>
  Promise.all(containers.filter(({ service }) => service === 'db').map(({ id }) => engine.stopContainer(id, never)))

const MOVES: Move[] = [
  { what: 'the first up', services: all },
  { what: 'nothing new', services: all },
  { what: 'another environment of one', services: { ...all, web: { ...web, environment: { A: '1' } } } },
  { what: 'another image of two', services: { ...all, web: { ...web, image: image('2') }, db: { ...db, image: image('2') } } },
  { what: 'a new service', services: { ...all, cache: db } },
  { what: 'a dropped service, which stays', services: all },
  { what: 'three of one', services: { ...all, web: { ...web, scale: 3 } } },
  { what: 'three of one with another image', services: { ...all, web: { ...web, scale: 3, image: image('2') } } },
  { what: 'one again', services: { ...all, web: { ...web, image: image('2') } } },
  { what: 'one stopped by hand, and nothing new', services: all, byHand: stopDatabase },
  {
    what: 'one service named, what it needs being stopped and new',
    services: { ...all, db: { ...db, environment: { B: '1' } } },
    byHand: stopDatabase,
    only: ['web'],
  },
  { what: 'another environment of what another needs', services: { ...all, db: { ...db, environment: { B: '2' } } } },
  { what: 'a task named alone', services: all, only: ['task'] },
  {
    what: 'a network that is not there',
    services: { ...all, web: { ...web, environment: { A: '2' } } },
    networks: { gone: { external: true, name: 'missing' } },
  },
  { what: 'one that ends with 1', services: { ...all, web: { ...web, command: ['crash'] } } },
  { what: 'one that ends with 1 over and over', services: { ...all, web: { ...web, command: ['crash'], restart: 'always' } } },
  {
    what: 'one that waits for a task that ends well',
    services: { ...all, web: { ...web, depends_on: { task: { condition: 'service_completed_successfully' } } } },
  },
  {
    what: 'one that waits for a task that fails',
    services: {
      ...all,
      task: { ...task, command: ['crash'] },
      web: { ...web, environment: { A: '3' }, depends_on: { task: { condition: 'service_completed_successfully' } } },
    },
  },
  {
    what: 'one that waits for what turns sick',
    services: {
      ...all,
      db: { ...db, command: ['sick'] },
      web: { ...web, environment: { A: '4' }, depends_on: { db: { condition: 'service_healthy' } } },
    },
  },
  { what: 'all well again', services: all },
]

/** An engine and a compose, and what to do before they are looked at. */
interface Side {
  engine: Engine
  compose: Compose
  paths: StackPaths
  write(definition: Definition): void
  /** The version of an image. */
  versionOf(imageId: string): Promise<string>
  /** Anonymous volumes of a container. */
  volumesOf(id: string): Promise<string>
  /** Plays something to its end. */
  play<T>(what: Promise<T>): Promise<T>
  /** Looks until it is so, or for some seconds. */
  settle(look: () => Promise<string[]>, wanted: string[] | null): Promise<string[]>
}

/** What there is, and whether it was there before the move. */
async function look(side: Side, project: string, before: Map<string, string>): Promise<string[]> {
  const containers = await side.engine.listContainers(never, project)
  const lines = containers.map(async ({ id, name, service, state, exitCode, imageId }) => {
    const loops = state === 'restarting' || ((await side.engine.inspect(id, never))?.restartCount ?? 0) > 0
    const how = loops ? 'loops' : state === 'exited' ? `exited ${exitCode}` : state
    const volumes = await side.volumesOf(id)
    const kept = volumes !== '' && [...before.values()].includes(volumes)
    return `${service} ${name.replace(project, '')} ${how} ${await side.versionOf(imageId)}${before.has(id) ? '' : ' new'}${kept ? ', data kept' : ''}`
  })
  return (await Promise.all(lines)).sort()
}

async function play(side: Side, move: Move, project: string, wanted: string[] | null): Promise<string[]> {
  const containers = await side.engine.listContainers(never, project)
  const before = new Map<string, string>()
  for (const { id } of containers) before.set(id, await side.volumesOf(id))
  await side.play(Promise.resolve(move.byHand?.(side.engine, containers)))
  side.write({ name: project, services: move.services, ...(move.networks ? { networks: move.networks } : {}) })
  const args = ['-p', project, 'up', '-d', '--pull', 'never', '--no-build', ...(move.only ?? [])]
  const { exitCode } = await side.play(side.compose.run(side.paths, args, { signal: never, onLine: () => undefined, lockFd: 0 }))
  return side.settle(async () => [`up ended with ${exitCode}`, ...(await look(side, project, before))], wanted)
}

function createModelSide(project: string, remakesDependents: boolean): Side {
  const time = createTime(0)
  const images = Object.fromEntries(['1', '2'].map((version) => [version, { id: version, digests: [], program: 'serve' }]))
  const names = Object.fromEntries(['1', '2'].map((version) => [image(version), version]))
  const model = new ModelEngine({ count: 0, containers: [], images, names }, time, () => undefined)
  const sources: Sources = { definition: { name: project, services: {} }, version: '', registry: {}, remakesDependents }
  const process = { name: 'model', dead: false }
  const fate = createFate([], () => undefined, time.now, false)
  const engine = model.port() as Engine
  const settled = async () => {
    let over = false
    time.in(10_000, () => (over = true))
    await time.until('the end of what was begun', () => over)
  }
  return {
    engine,
    compose: createModelCompose(model, sources, time, fate, process, new Set()),
    paths: { name: project, dir: '/model', workingDir: '/model' },
    write: (definition) => void (sources.definition = definition),
    versionOf: async (imageId) => imageId,
    volumesOf: async (id) => model.find(id).volumes.join(),
    async play(what) {
      let over = false
      void what.finally(() => (over = true))
      await time.until('the end of a move', () => over)
      return what
    },
    async settle(look) {
      await settled()
      return look()
    },
  }
}

it('the model of the simulation does what engine and compose do', async () => {
  const dir = (await world.addStack('model', () => 'services: {}\n')).dir
  const project = dir.split('/').at(-1) ?? ''
  const ids = new Map<string, string>()
  for (const version of ['1', '2']) ids.set(await makeImage(labEngine, image(version), version), version)
  const { dockerHost } = labEngine
  const engine = createEngine(dockerHost)
  const real: Side = {
    engine,
    compose: createCompose(findCompose(process.env) ?? '', dockerHost, process.env, untraced),
    paths: { name: project, dir, workingDir: dir },
    write(definition) {
      const services = Object.entries(definition.services).map(([name, { command, ...service }]) => {
        const [program] = command ?? []
        const more = program === 'sick' ? { healthcheck: SICK } : program === undefined ? {} : { command: COMMANDS[program] }
        const networks = definition.networks && name === 'web' ? { networks: Object.keys(definition.networks) } : {}
        return [name, { init: true, ...service, ...more, ...networks }]
      })
      writeFileSync(join(dir, 'compose.yaml'), JSON.stringify({ ...definition, services: Object.fromEntries(services) }))
    },
    versionOf: async (imageId) => ids.get(imageId) ?? imageId,
    volumesOf: async (id) => (await labEngine.docker('inspect', '--format', '{{range .Mounts}}{{.Name}}{{end}}', id)).trim(),
    play: (what) => what,
    settle: (look, wanted) => {
      let last: string[] = []
      const isSo = async () => {
        last = await look()
        return JSON.stringify(last) === JSON.stringify(wanted) ? last : null
      }
      return until('what the model does', isSo, 15).catch(() => last)
    },
  }
  // Seen with these two; which one between them was the last to do so is not known.
  const model = createModelSide(project, real.compose.version.startsWith('2.26'))
  afterAll(() =>
    labEngine
      .docker('ps', '-aq', '--filter', `label=com.docker.compose.project=${project}`)
      .then((list) => labEngine.docker('rm', '-fv', ...list.split('\n').filter(Boolean))),
  )
  for (const move of MOVES) {
    const wanted = await play(model, move, project, null)
    expect(await play(real, move, project, wanted), move.what).toEqual(wanted)
  }
})
