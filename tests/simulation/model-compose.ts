import { createHash } from 'node:crypto'
import type { Compose, CommandResult, ComposeOptions, StackPaths } from '../../apps/worker/src/ports.ts'
import { never, type Fate, type Process } from './fate.ts'
import type { ModelContainer, ModelEngine } from './model-engine.ts'
import type { Time } from './time.ts'

/** A service of a compose file, as far as the model knows it. */
export interface ModelService {
  image: string
  /** Its first word is the program; without it, the image's. */
  command?: string[]
  environment?: Record<string, string>
  restart?: string
  scale?: number
  /** It has an anonymous volume. */
  volumes?: string[]
  depends_on?: Record<string, { condition: string }>
}

export interface Definition {
  name: string
  services: Record<string, ModelService>
  /** A network that has to be there. */
  networks?: Record<string, { external: boolean; name: string }>
}

/** What a stack's files say, and what a registry has. */
export interface Sources {
  definition: Definition
  /** Changes whenever the files do. */
  version: string
  registry: Record<string, { id: string; digest: string; program: string }>
  /** Whether compose makes those anew that depend on what it has made anew: 2.26 does, 2.40 does not. */
  remakesDependents: boolean
}

/** A compose that runs. */
export interface Running {
  owner: Process
  kill(): void
}

/** Milliseconds between two steps of compose's. */
const STEP = 20

/** Compose's own hash of a definition: how many there are does not count, nor what it waits for. */
export function hashOf(service: ModelService): string {
  const counts = Object.entries(service).filter(([name]) => name !== 'scale' && name !== 'depends_on')
  return createHash('sha256')
    .update(JSON.stringify(counts.sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex')
}

/** What compose says before it ends with 1. */
class Complaint extends Error {}

/** Takes one step, unless it is killed or the engine does not answer. */
type Step = <T>(name: string, what: () => T | Promise<T>) => Promise<T>

/** Docker Compose over the engine in memory, as one process of ours starts it. */
export function createModelCompose(
  engine: ModelEngine,
  sources: Sources,
  time: Time,
  fate: Fate,
  owner: Process,
  running: Set<Running>,
): Compose {
  return {
    identity: 'model',
    version: 'model',
    run(paths, args, options) {
      return new Promise<CommandResult>((resolve) => {
        if (owner.dead) return
        fate.pass(owner, `before compose ${nameOf(args)}`)
        if (owner.dead) return
        let over = false
        const end = (result: CommandResult) => {
          if (over) return
          over = true
          running.delete(self)
          options.signal.removeEventListener('abort', self.kill)
          fate.pass(owner, `after compose ${nameOf(args)}`)
          if (!owner.dead) resolve(result)
        }
        const self: Running = { owner, kill: () => end({ exitCode: null, stdout: '' }) }
        running.add(self)
        if (options.signal.aborted) return self.kill()
        options.signal.addEventListener('abort', self.kill)
        const step: Step = async (name, what) => {
          fate.pass(owner, `  ${name}`)
          if (over) return never()
          await time.wait(STEP)
          if (over) return never()
          if (engine.away) throw new Complaint('Cannot connect to the Docker daemon')
          fate.say(`  ${owner.name} compose: ${name}`)
          const answer = await what()
          if (over) return never()
          if (engine.away) throw new Complaint('error during connect: EOF')
          return answer
        }
        void work(engine, sources, time, paths, args, options, step).then(
          (stdout) => end({ exitCode: 0, stdout }),
          (error: Error) => {
            if (over) return
            options.onLine(error.message)
            end({ exitCode: 1, stdout: '' })
          },
        )
      })
    },
  }
}

function nameOf(args: string[]): string {
  return args.slice(args.findIndex((arg) => ['config', 'pull', 'up'].includes(arg))).join(' ')
}

async function work(
  engine: ModelEngine,
  sources: Sources,
  time: Time,
  paths: StackPaths,
  args: string[],
  options: ComposeOptions,
  step: Step,
): Promise<string> {
  const at = args.findIndex((arg) => ['config', 'pull', 'up'].includes(arg))
  const fromInput = args.slice(0, at).includes('-')
  const definition: Definition = fromInput ? (JSON.parse(options.input ?? '') as Definition) : structuredClone(sources.definition)
  const named = args.indexOf('-p')
  const project = named >= 0 && named < at ? (args[named + 1] ?? '') : definition.name
  const rest = args.slice(at + 1)
  if (args[at] === 'config') {
    if (rest.includes('--hash'))
      return Object.entries(definition.services)
        .map(([name, one]) => `${name} ${hashOf(one)}\n`)
        .join('')
    if (rest.includes('--services')) return Object.keys(definition.services).join('\n')
    return JSON.stringify({ ...definition, name: project })
  }
  if (args[at] === 'pull') return pull(engine, sources, definition, step)
  const services = rest.filter((arg, index) => !arg.startsWith('-') && rest[index - 1] !== '--pull')
  const { remakesDependents } = sources
  await up({
    engine,
    time,
    step,
    definition,
    project,
    services,
    starts: !rest.includes('--no-start'),
    remakesDependents,
    paths,
    files: fromInput ? '-' : `${paths.workingDir}/compose.yaml`,
  })
  return ''
}

async function pull(engine: ModelEngine, { registry }: Sources, { services }: Definition, step: Step): Promise<string> {
  for (const reference of new Set(Object.values(services).map(({ image }) => image))) {
    const [name = '', digest] = reference.split('@')
    const repository = name.replace(/:[^/]*$/, '')
    await step(`pull ${reference}`, () => {
      const found = digest === undefined ? registry[name] : Object.values(registry).find((one) => one.digest === digest)
      if (!found) throw new Complaint(`manifest unknown: ${reference}`)
      const image = (engine.state.images[found.id] ??= { id: found.id, digests: [], program: found.program })
      image.digests = [...new Set([...image.digests, `${repository}@${found.digest}`])]
      if (digest === undefined) engine.state.names[name] = found.id
    })
  }
  return ''
}

interface Up {
  time: Time
  engine: ModelEngine
  step: Step
  definition: Definition
  project: string
  /** Empty: all. */
  services: string[]
  /** Without `--no-start`. */
  starts: boolean
  remakesDependents: boolean
  paths: StackPaths
  files: string
}

/** `up -d --pull never --no-build`: first all containers are made, then all of them are started. */
async function up(work: Up): Promise<void> {
  const { engine, step, definition, services } = work
  const wanted = inOrder(definition, services.length > 0 ? services : Object.keys(definition.services))
  await step('look at the networks', () => {
    for (const { name, external } of Object.values(definition.networks ?? {})) {
      if (external && name === 'missing') throw new Complaint(`network ${name} declared as external, but could not be found`)
    }
  })
  const remade = new Set<string>()
  for (const service of wanted) {
    const needs = Object.keys(definition.services[service]?.depends_on ?? {})
    if (await make(work, service, work.remakesDependents && needs.some((name) => remade.has(name)))) remade.add(service)
  }
  if (!work.starts) return
  // Compose starts what nothing holds up beside what waits.
  const waits = (service: string): boolean =>
    Object.entries(definition.services[service]?.depends_on ?? {}).some(
      ([name, { condition }]) => condition !== 'service_started' || waits(name),
    )
  for (const service of wanted.toSorted((a, b) => Number(waits(a)) - Number(waits(b)))) {
    await waitForDependencies(work, service)
    for (const { id, name, state } of containersOf(work, service)) {
      if (state === 'running' || state === 'restarting') continue
      await step(`start ${name}`, () => engine.start(id))
    }
  }
}

/** What a service depends on comes before it. */
function inOrder({ services }: Definition, names: string[]): string[] {
  const order: string[] = []
  const visit = (name: string) => {
    if (order.includes(name)) return
    for (const needed of Object.keys(services[name]?.depends_on ?? {})) visit(needed)
    order.push(name)
  }
  for (const name of names) visit(name)
  return order
}

function containersOf({ engine, project }: Up, service: string): ModelContainer[] {
  return engine.state.containers.filter((one) => one.project === project && one.service === service).sort((a, b) => a.number - b.number)
}

/** @returns Whether a container has been replaced. */
async function make(work: Up, service: string, isForced: boolean): Promise<boolean> {
  const { engine, step, definition, project, paths, files } = work
  const own = definition.services[service]
  if (!own) throw new Complaint(`no such service: ${service}`)
  const hash = hashOf(own)
  const count = own.scale ?? 1
  const there = containersOf(work, service)
  const stray = there.find(({ name, replaces }) => name !== replaces && there.some((other) => other.name === replaces))
  if (stray) {
    // Taken for a surplus one, and removed beside the making of another one under that name.
    await step(`remove ${stray.name}`, () => engine.remove(stray.id))
    throw new Complaint(`Conflict. The container name "/${stray.name}" is already in use`)
  }
  const isOld = (one: ModelContainer) => isForced || one.configHash !== hash || one.imageId !== engine.image(own.image)?.id
  const kept = [...there].sort((a, b) => Number(isOld(a)) - Number(isOld(b)) || a.number - b.number)
  for (const { id, name } of kept.splice(count)) {
    await step(`stop ${name}`, () => engine.stop(id))
    await step(`remove ${name}`, () => engine.remove(id))
  }
  const create = (name: string, number: number, former: ModelContainer | null) => {
    const image = engine.image(own.image)
    if (!image) throw new Complaint(`No such image: ${own.image}`)
    return engine.create({
      name,
      number,
      project,
      service,
      image: own.image,
      imageId: image.id,
      composeVersion: 'model',
      configHash: hash,
      workingDir: paths.workingDir,
      configFiles: [files],
      envFiles: [],
      replaces: former === null ? null : former.name,
      restart: own.restart ?? 'no',
      program: own.command?.[0] ?? image.program,
      says: JSON.stringify(own.environment ?? {}),
      volumes: former?.volumes ?? (own.volumes ?? []).map((path) => `${path} ${engine.state.count++}`),
    })
  }
  const replaced = kept.filter(isOld).sort((a, b) => a.number - b.number)
  for (const old of replaced) {
    const draft = `${old.id.slice(0, 12)}_${old.name}`
    const { name } = old
    const made = await step(`create ${draft}`, () => create(draft, old.number, old))
    await step(`stop ${name}`, () => engine.stop(old.id))
    await step(`remove ${name}`, () => engine.remove(old.id))
    await step(`rename ${draft}`, () => engine.rename(made.id, name))
  }
  const numbers = kept.map(({ number }) => number)
  for (let number = 1; numbers.length < count; number++) {
    if (numbers.includes(number)) continue
    numbers.push(number)
    const name = `${project}-${service}-${number}`
    await step(`create ${name}`, () => create(name, number, null))
  }
  return replaced.length > 0
}

async function waitForDependencies(work: Up, service: string): Promise<void> {
  const { definition, step } = work
  for (const [name, { condition }] of Object.entries(definition.services[service]?.depends_on ?? {})) {
    if (condition === 'service_started') continue
    for (let waiting = true; waiting;) {
      waiting = await step(`wait for ${name}`, () =>
        containersOf(work, name).some(({ state, health, exitCode }) => {
          const completed = condition === 'service_completed_successfully'
          if (completed ? state === 'exited' && exitCode !== 0 : health === 'unhealthy' || state === 'exited') {
            throw new Complaint(`dependency failed to start: container ${name} is not as it has to be`)
          }
          return completed ? state !== 'exited' : health !== 'healthy'
        }),
      )
      if (waiting) await work.time.wait(500)
    }
  }
}
