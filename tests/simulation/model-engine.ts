import { createHash } from 'node:crypto'
import { EngineAway, type Container, type ContainerEvent, type Engine } from '../../apps/worker/src/ports.ts'
import type { Time } from './time.ts'

/** What a program does; it is named by its image's first word, or by the command in the definition. */
export interface Program {
  /** It ends by itself, so many milliseconds after its start. */
  ends?: { after: number; code: number }
  /** What its health check comes to, and when. */
  health?: { after: number; is: 'healthy' | 'unhealthy' }
  /** Milliseconds that it takes to stop; 10 s, where it has to be killed. */
  stops?: number
  /** The engine cannot start it. */
  cannotStart?: boolean
}

export const PROGRAMS: Record<string, Program> = {
  serve: {},
  checked: { health: { after: 1500, is: 'healthy' } },
  sick: { health: { after: 3000, is: 'unhealthy' } },
  crash: { ends: { after: 100, code: 1 } },
  late: { ends: { after: 5000, code: 1 } },
  fading: { health: { after: 500, is: 'healthy' }, ends: { after: 5000, code: 1 } },
  usage: { ends: { after: 100, code: 0 } },
  once: { ends: { after: 700, code: 0 } },
  stubborn: { stops: 10_000 },
  taken: { cannotStart: true },
  worker: {},
}

export interface ModelContainer extends Container {
  number: number
  restart: string
  program: string
  restartCount: number
  starts: number
  startedAt: string
  /** By the model's clock. */
  startTime: number
  /** Somebody has asked for its stop. */
  asked: boolean
  /** Anonymous volumes. */
  volumes: string[]
  /** What it says: it keeps no secret. */
  says: string
}

export interface ModelImage {
  id: string
  digests: string[]
  program: string
}

/** All that an engine holds, as data: it can be copied. */
export interface EngineState {
  count: number
  containers: ModelContainer[]
  images: Record<string, ModelImage>
  names: Record<string, string>
}

export class NoSuchThing extends Error {}

/** An engine in memory, and what its clients can ask it for. */
export class ModelEngine {
  readonly state: EngineState
  readonly #time: Time
  readonly #onEnd: (container: ModelContainer) => void
  #watchers: { project: string | null; onEvent: (event: ContainerEvent | null) => void; fail: (error: Error) => void }[] = []
  #awayUntil = -1
  /** Names of containers that were removed while they ran. */
  readonly killed: string[] = []

  /** @param onEnd Told of each container that has ended. */
  constructor(state: EngineState, time: Time, onEnd: (container: ModelContainer) => void) {
    this.state = state
    this.#time = time
    this.#onEnd = onEnd
    // What was copied while it waited for its next start.
    for (const container of state.containers) if (container.state === 'restarting') this.#startLater(container)
  }

  get away(): boolean {
    return this.#time.now() < this.#awayUntil
  }

  goAway(milliseconds: number): void {
    this.#awayUntil = Math.max(this.#awayUntil, this.#time.now() + milliseconds)
    for (const watcher of this.#watchers.splice(0)) watcher.fail(new EngineAway('The Docker Engine ended the stream of its events.'))
  }

  /** Ends with all containers; those whose restart policy says so are started when it is back. */
  restart(milliseconds: number): void {
    const ran = this.state.containers.filter(({ state }) => state === 'running' || state === 'restarting')
    for (const container of ran) this.#end(container, 137, false)
    this.goAway(milliseconds)
    this.#time.in(milliseconds, () => {
      for (const container of ran) if (this.#isHere(container) && !container.asked && container.restart !== 'no') this.#start(container)
    })
  }

  find(id: string): ModelContainer {
    const found = this.state.containers.find((one) => one.id === id || one.name === id)
    if (!found) throw new NoSuchThing(`No such container: ${id}`)
    return found
  }

  create(
    container: Omit<
      ModelContainer,
      'id' | 'state' | 'exitCode' | 'health' | 'restartCount' | 'starts' | 'startedAt' | 'startTime' | 'young' | 'asked'
    >,
  ): ModelContainer {
    if (this.state.containers.some(({ name }) => name === container.name)) {
      throw new Error(`Conflict. The container name "/${container.name}" is already in use`)
    }
    const id = createHash('sha256')
      .update(`container ${this.state.count++}`)
      .digest('hex')
    const made: ModelContainer = {
      ...container,
      id,
      state: 'created',
      exitCode: null,
      health: 'none',
      restartCount: 0,
      starts: 0,
      startedAt: '',
      startTime: 0,
      young: false,
      asked: false,
    }
    this.state.containers.push(made)
    return made
  }

  start(id: string): void {
    const container = this.find(id)
    if (container.state === 'running' || container.state === 'restarting') return
    if (PROGRAMS[container.program]?.cannotStart)
      throw new Error('driver failed programming external connectivity: port is already allocated')
    container.asked = false
    container.restartCount = 0
    this.#start(container)
  }

  #start(container: ModelContainer): void {
    const program = PROGRAMS[container.program] ?? {}
    const start = ++container.starts
    const isThis = () => this.#isHere(container) && container.starts === start && container.state === 'running'
    container.state = 'running'
    container.exitCode = null
    container.startedAt = `start ${this.state.count++}`
    container.startTime = this.#time.now()
    container.health = program.health ? 'starting' : 'none'
    this.#tell(container, 'start')
    const { ends, health } = program
    if (ends) this.#time.in(ends.after, () => isThis() && this.#endedByItself(container, ends.code))
    if (health) {
      this.#time.in(health.after, () => {
        if (!isThis()) return
        container.health = health.is
        this.#tell(container, `health_status: ${health.is}`)
      })
    }
  }

  #endedByItself(container: ModelContainer, code: number): void {
    const { restart } = container
    const again = restart === 'always' || restart === 'unless-stopped' || (restart === 'on-failure' && code !== 0)
    this.#end(container, code, again && !container.asked)
    if (container.state === 'restarting') this.#startLater(container)
  }

  #startLater(container: ModelContainer): void {
    const start = container.starts
    this.#time.in(Math.min(60_000, 100 * 2 ** container.restartCount), () => {
      if (!this.#isHere(container) || container.starts !== start || container.state !== 'restarting') return
      container.restartCount++
      this.#start(container)
    })
  }

  #end(container: ModelContainer, code: number, again: boolean): void {
    const ran = container.state === 'running'
    container.state = again ? 'restarting' : 'exited'
    container.exitCode = code
    container.health = 'none'
    if (!ran) return
    this.#tell(container, 'die')
    this.#onEnd(container)
  }

  /** Goes on by itself once it was asked for. */
  async stop(id: string): Promise<void> {
    const container = this.find(id)
    container.asked = true
    if (container.state === 'restarting') this.#end(container, container.exitCode ?? 0, false)
    if (container.state !== 'running') return
    const start = container.starts
    await this.#time.wait(PROGRAMS[container.program]?.stops ?? 150)
    if (!this.#isHere(container) || container.starts !== start || container.state !== 'running') return
    this.#end(container, PROGRAMS[container.program]?.stops ? 137 : 143, false)
  }

  remove(id: string): void {
    const container = this.find(id)
    container.asked = true
    if (container.state === 'running') {
      this.killed.push(container.name)
      this.#end(container, 137, false)
    }
    this.state.containers.splice(this.state.containers.indexOf(container), 1)
    this.#tell(container, 'destroy')
  }

  rename(id: string, name: string): void {
    if (this.state.containers.some((one) => one.name === name)) throw new Error(`Conflict. The container name "/${name}" is already in use`)
    this.find(id).name = name
  }

  image(reference: string): ModelImage | null {
    const { images, names } = this.state
    return (
      images[reference] ??
      images[names[reference] ?? ''] ??
      Object.values(images).find(({ digests }) => digests.includes(reference)) ??
      null
    )
  }

  /** @returns Whether it was removed. */
  removeImage(reference: string): boolean {
    const { images, names, containers } = this.state
    const found = this.image(reference)
    if (!found) return false
    const others = Object.entries(names).filter(([name, id]) => id === found.id && name !== reference)
    const used = containers.some(({ imageId }) => imageId === found.id)
    if (reference === found.id && (used || others.length > 1)) return false
    if (reference !== found.id && used && others.length === 0) return false
    if (reference !== found.id) delete names[reference]
    else for (const [name] of others) delete names[name]
    if (reference === found.id || others.length === 0) delete images[found.id]
    return true
  }

  #isHere(container: ModelContainer): boolean {
    return this.state.containers.includes(container)
  }

  #tell({ id, project, workingDir, exitCode }: ModelContainer, action: string): void {
    if (this.away) return
    const event = { id, action, workingDir, exitCode: action === 'die' ? exitCode : null }
    for (const watcher of this.#watchers) if (watcher.project === null || watcher.project === project) watcher.onEvent(event)
  }

  /** The port, without those parts that make helpers. */
  port(): Omit<Engine, 'spec' | 'startHelper' | 'findHelper' | 'waitFor'> {
    const asked = <T>(signal: AbortSignal, answer: () => T | Promise<T>): Promise<T> => {
      if (signal.aborted) return Promise.reject(signal.reason)
      if (this.away) return Promise.reject(new EngineAway('The Docker Engine cannot be reached.'))
      return Promise.resolve().then(answer)
    }
    const orGone = <T>(what: () => T, gone: T): T => {
      try {
        return what()
      } catch (error) {
        if (error instanceof NoSuchThing) return gone
        throw error
      }
    }
    const { state } = this
    return {
      listContainers: (signal, project) =>
        asked(signal, () =>
          state.containers
            .filter((one) => project === undefined || one.project === project)
            .map((one) => ({ ...one, young: one.state === 'running' && this.#time.now() - one.startTime < 60_000 })),
        ),
      inspect: (id, signal) =>
        asked(signal, () =>
          orGone(() => {
            const { service, state, exitCode, health, restartCount, startedAt } = this.find(id)
            return { id, service, status: state, exitCode: exitCode ?? 0, health, restartCount, startedAt }
          }, null),
        ),
      lastLogLines: (id, _, signal) => asked(signal, () => orGone(() => this.find(id).says, '')),
      stopContainer: (id, signal) =>
        asked(signal, async () => {
          if (state.containers.some((one) => one.id === id)) await this.stop(id)
          if (this.away) throw new EngineAway('The Docker Engine cannot be reached.')
        }),
      removeContainer: (id, signal) => asked(signal, () => orGone(() => this.remove(id), undefined)),
      renameContainer: (id, name, signal) =>
        asked(signal, () => {
          this.rename(id, name)
          return true
        }),
      image: (reference, signal) =>
        asked(signal, () => {
          const found = this.image(reference)
          const names = Object.entries(this.state.names).flatMap(([name, id]) => (id === found?.id ? [name] : []))
          return found && { id: found.id, names, digests: [...found.digests], labels: {} }
        }),
      tagImage: (id, reference, signal) =>
        asked(signal, () => {
          const found = this.image(id)
          if (!found) throw new Error(`No such image: ${id}`)
          state.names[reference] = found.id
        }),
      listNames: (pattern, signal) =>
        asked(signal, () =>
          Object.entries(state.names).flatMap(([name, id]) => (name.startsWith(pattern.replace('*', '')) ? [{ name, id }] : [])),
        ),
      removeImage: (reference, signal) => asked(signal, () => this.removeImage(reference)),
      registryDigest: (_, __, signal) =>
        asked(signal, (): string => {
          throw new Error('no registry answers')
        }),
      hasHubMirror: (signal) => asked(signal, () => false),
      dataRoot: (signal) => asked(signal, () => '/var/lib/docker'),
      id: (signal) => asked(signal, () => 'model'),
      ping: (signal) => asked(signal, () => undefined),
      watch: (project, signal, onEvent) =>
        new Promise((resolve, reject) => {
          if (signal.aborted) return resolve()
          if (this.away) return reject(new EngineAway('The Docker Engine cannot be reached.'))
          const watcher = { project, onEvent, fail: reject }
          this.#watchers.push(watcher)
          signal.addEventListener('abort', () => {
            this.#watchers = this.#watchers.filter((one) => one !== watcher)
            resolve()
          })
          onEvent(null)
        }),
    }
  }
}
