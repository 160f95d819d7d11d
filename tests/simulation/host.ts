import { mkdtempSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JobData } from '@deployer/shared/job-data'
import type { RunReport } from '@deployer/shared/job'
import type { Logger } from '@deployer/shared/logger'
import { untraced } from '@deployer/shared/telemetry'
import { createPatientEngine } from '../../apps/worker/src/adapters/patient-engine.ts'
import type { DeployLimits } from '../../apps/worker/src/converge/tools.ts'
import { JournalFile, type JournalStore } from '../../apps/worker/src/journal/journal-file.ts'
import type { Clock, Engine, PatientEngine } from '../../apps/worker/src/ports.ts'
import type { RunTools } from '../../apps/worker/src/queue/work-on.ts'
import { Refusal } from '../../apps/worker/src/refusal.ts'
import { Release } from '../../apps/worker/src/release/release.ts'
import { Death, createFate, never, watched, type Fate, type Process, type Stroke } from './fate.ts'
import { createModelCompose, type Running, type Sources } from './model-compose.ts'
import { ModelEngine, type EngineState } from './model-engine.ts'
import { clockOf, createTime, type Time } from './time.ts'

export const STACK = 'shop'
/** Each service of the stack has it, and says it. */
export const PASSWORD = 'hidden-in-every-report'
const ROOT = mkdtempSync(join(tmpdir(), 'deployer-simulation-'))
mkdirSync(join(ROOT, STACK))
/** The stack's folder: of its files no more is looked at than whether they are still the same. */
export const FOLDER = join(ROOT, STACK)
let written: string | null = null

function writeFiles(version: string): void {
  if (written === version) return
  const file = join(FOLDER, 'compose.yaml')
  writeFileSync(file, version)
  utimesSync(file, 1, 1)
  written = version
}

const LIMITS: DeployLimits = {
  statusTimeout: 30,
  configTimeout: 60,
  pullTimeout: 600,
  upTimeout: 300,
  healthTimeout: 120,
  steadyTime: 10,
  rollback: true,
  keepReleases: 5,
  minFreeDisk: 0,
}

/** A host, a Redis and what lies on the disk, as data: it can be copied. */
export interface HostState {
  now: number
  engine: EngineState
  sources: Sources
  /** The journal's texts. */
  disk: Record<string, string>
}

/** A job as Redis has it; `null` when Redis has lost it. */
export interface QueuedJob {
  id: string
  data: JobData
  attempt: number
  report: RunReport | null
}

/** What runs as a helper. */
interface ModelHelper {
  id: string
  name: string
  running: boolean
}

const silent = { child: () => silent, info() {}, warn() {}, error() {}, debug() {} } as unknown as Logger

/** The world of one run. */
export class Host {
  readonly time: Time
  readonly engine: ModelEngine
  readonly fate: Fate
  readonly state: HostState
  readonly jobs = new Map<string, QueuedJob>()
  redisAwayUntil = -1
  helper: ModelHelper | null = null
  #running = new Set<Running>()
  #lock: Process | null = null
  /** Those that live, and what follows their death. */
  #current = new Map<Process, () => void>()
  #stroke: Stroke | null = null
  #isSelf: boolean
  #keepsData: boolean
  #isFolderLocked = false
  #isDiskFull = false
  /** What a start of a job does when its lock in Redis is lost. */
  loseLock: () => void = () => undefined
  /** Whether an entry has ever been opened in the journal. */
  hasBegun = false
  /** Images of the release before that had no name of their own when the entry was opened. */
  unprotected: string[] = []
  startHelperProcess: (name: string) => void = () => undefined

  constructor(
    state: HostState,
    strokes: Stroke[],
    { isSelf, keepsData = true, keepLines }: { isSelf: boolean; keepsData?: boolean; keepLines: boolean },
  ) {
    this.state = state
    this.#isSelf = isSelf
    this.#keepsData = keepsData
    this.writeFiles()
    this.time = createTime(state.now)
    this.fate = createFate(strokes, (stroke, process) => this.#strike(stroke, process), this.time.now, keepLines)
    this.engine = new ModelEngine(state.engine, this.time, (container) => {
      for (const process of this.#current.keys()) if (process.name === `worker ${container.id}`) this.end(process)
    })
  }

  #strike(stroke: Stroke, process: Process): void {
    this.#stroke = stroke
    const { fault } = stroke
    if (fault === 'death') {
      for (const one of this.#running) if (one.owner === process) one.kill()
      this.end(process)
    } else if (fault === 'death, compose goes on') this.end(process)
    else if (fault === 'death, folder locked') {
      this.#isFolderLocked = true
      this.end(process)
    } else if (fault === 'disk full') this.#isDiskFull = true
    else if (fault === 'lock lost') this.loseLock()
    else if (fault === 'engine away') this.engine.goAway(5000)
    else if (fault === 'engine stays away') this.engine.goAway(1_000_000)
    else if (fault === 'engine restarts') {
      this.engine.restart(3000)
      if (this.#isSelf) for (const one of this.#running) one.kill()
      if (process.name.startsWith('helper')) this.end(process)
    } else if (fault === 'compose killed') for (const one of this.#running) one.kill()
    else if (fault === 'redis away') this.redisAwayUntil = this.time.now() + 5000
    else this.jobs.clear()
  }

  /** After the stack's files have been changed. */
  writeFiles(): void {
    writeFiles(this.state.sources.version)
  }

  /** Milliseconds that the last fault wants between a death and the next start. */
  get pause(): number {
    return this.#stroke?.pause ?? 1000
  }

  end(process: Process): void {
    if (process.dead) return
    process.dead = true
    this.fate.say(`${process.name} is dead`)
    const onDeath = this.#current.get(process)
    this.leave(process)
    onDeath?.()
  }

  process(name: string, onDeath: () => void): Process {
    const process = { name, dead: false }
    this.#current.set(process, onDeath)
    return process
  }

  /** A process ends by itself. */
  leave(process: Process): void {
    this.#current.delete(process)
    if (this.#lock === process) this.#lock = null
  }

  get redisAway(): boolean {
    return this.time.now() < this.redisAwayUntil
  }

  /** The ports of one process. @param container Its own, where it is part of the stack. */
  tools(process: Process, container: string | null): RunTools {
    const clock = clockOf(this.time, () => process.dead)
    return {
      engine: this.#engine(process, clock),
      compose: createModelCompose(this.engine, this.state.sources, this.time, this.fate, process, this.#running),
      clock,
      root: { here: ROOT, onHost: ROOT, problem: null },
      lockStack: async (_, signal) => {
        if (this.#isFolderLocked) {
          this.#isFolderLocked = false
          throw new Refusal('stack_busy', 'The folder is locked.')
        }
        while (this.#lock !== null) await clock.wait(100, signal)
        this.#lock = process
        for (const one of this.#running) if (one.owner !== process && one.owner.dead) one.kill()
        return {
          fd: 0,
          release: async () => {
            if (process.dead) return never()
            if (this.#lock === process) this.#lock = null
          },
        }
      },
      limits: LIMITS,
      journalStore: () => this.#store(process),
      logger: silent,
      self: container === null ? null : { container, env: [], keepsData: this.#keepsData },
      stopping: new AbortController().signal,
      deploying: new Map(),
    }
  }

  #engine(process: Process, clock: Clock): PatientEngine {
    const asked = async <T>(what: () => T) => {
      await this.engine.port().ping(new AbortController().signal)
      return what()
    }
    const helpers: Pick<Engine, 'spec' | 'startHelper' | 'findHelper' | 'waitFor'> = {
      spec: () =>
        asked(() => ({ imageName: '', imageId: '', user: '', capabilities: [], networks: [], mounts: [], createdAt: '', environment: [] })),
      startHelper: ({ name }) =>
        asked(() => {
          this.helper ??= { id: name, name, running: false }
          if (this.helper.running) return
          this.helper.running = true
          this.startHelperProcess(name)
        }),
      findHelper: () => asked(() => this.helper && { ...this.helper }),
      waitFor: async () => {
        while (this.helper?.running) await this.time.wait(100)
      },
    }
    const port = this.engine.port()
    const removeContainer: Engine['removeContainer'] = async (id, signal) => {
      if (this.helper?.name !== id) return port.removeContainer(id, signal)
      this.helper = null
      this.end(process)
    }
    return createPatientEngine(watched({ ...port, ...helpers, removeContainer }, this.fate, process), clock)
  }

  #store(process: Process): JournalStore {
    const { disk } = this.state
    const change = (name: string, what: () => void) => {
      this.fate.pass(process, `before ${name}`)
      if (process.dead) throw new Death()
      if (this.#isDiskFull) {
        this.#isDiskFull = false
        throw new Error('no space left on device')
      }
      what()
      this.fate.pass(process, `after ${name}`)
      if (process.dead) throw new Death()
    }
    return {
      read: (name) => disk[name] ?? null,
      write: (name, text) =>
        change(`write ${name}`, () => {
          disk[name] = text
          const { open } = name === 'journal.json' ? JournalFile.parse(JSON.parse(text)) : { open: null }
          if (!open) return
          if (!this.hasBegun && open.target !== open.before) this.unprotected = this.#withoutName(open.before)
          this.hasBegun = true
        }),
      remove: (name) => change(`remove ${name}`, () => delete disk[name]),
      setAside(name) {
        throw new Error(`the journal's ${name} could not be read`)
      },
      names: () => Object.keys(disk),
    }
  }

  /** The images of a release that have no name which a prune leaves. */
  #withoutName(release: number): string[] {
    const { services } = Release.parse(JSON.parse(this.state.disk[`${release}.json`] ?? ''))
    const named = Object.entries(this.state.engine.names).flatMap(([name, id]) => (name.startsWith('deployer-former/') ? [id] : []))
    return Object.values(services).flatMap(({ imageId }) => (named.includes(imageId) ? [] : [imageId]))
  }

  /** One call of Redis. @throws When it is away. */
  async redis<T>(process: Process, name: string, what: () => T): Promise<T> {
    if (process.dead) return never()
    this.fate.pass(process, `before redis ${name}`)
    if (process.dead) return never()
    if (this.redisAway) throw new Error('Redis cannot be reached')
    const answer = what()
    this.fate.pass(process, `after redis ${name}`)
    return process.dead ? never() : answer
  }
}

export const trace = untraced
