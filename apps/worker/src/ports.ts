/** A container of a compose project, as the Engine lists it. */
export interface Container {
  id: string
  name: string
  /** `running`, `exited`, `created`, `restarting`, `paused`, `removing` or `dead`. */
  state: string
  /** Of one that has ended or is being restarted; otherwise `null`. */
  exitCode: number | null
  health: 'none' | 'starting' | 'healthy' | 'unhealthy'
  /** Whether it has run for less than a minute, by the engine's clock. */
  young: boolean
  /** The name that it was made from; the id where that name has another image by now. */
  image: string
  /** Image id: `sha256:…`. */
  imageId: string
  project: string
  service: string
  /** The compose that made it, */
  composeVersion: string
  /** and that one's hash of the definition that it was made from. */
  configHash: string
  /** The folder that compose was run in, as the host calls it. */
  workingDir: string
  /** The files that it was made from, as the host calls them; `-` where compose read them from its standard input. */
  configFiles: string[]
  /** Files of variables that were named to compose; empty for the stack's own `.env`. */
  envFiles: string[]
  /** While it is not finished: the container that it is made to replace, by its id or, since Compose 2.40, by service and number. */
  replaces: string | null
}

/** What `verify` needs to know of a container. */
export interface ContainerHealth {
  id: string
  service: string
  status: string
  exitCode: number
  /** `none`, `starting`, `healthy` or `unhealthy`. */
  health: 'none' | 'starting' | 'healthy' | 'unhealthy'
  restartCount: number
  /** When it was started last, as the engine's clock says; empty when it never was. Only good for telling one start from another. */
  startedAt: string
}

/** An image that is here. */
export interface Image {
  id: string
  /** `name:tag`, of this host. */
  names: string[]
  /** `name@sha256:…` of the registries that it came from; `@sha256:…` where the name is not known any more. */
  digests: string[]
  labels: Record<string, string>
}

/** What happened to a container. */
export interface ContainerEvent {
  id: string
  /** `start`, `die`, `destroy`, `pause`, `unpause` or `health_status: …` */
  action: string
  /** The folder on the host that its project was started from; empty where compose did not say. */
  workingDir: string
  /** Of one that died. */
  exitCode: number | null
}

/** A folder of the host inside a container. */
export interface Mount {
  source: string
  destination: string
}

/** What a container was made from, to make another one like it. */
export interface ContainerSpec {
  /** The name of its image, as it was made. */
  imageName: string
  imageId: string
  user: string
  capabilities: string[]
  networks: string[]
  mounts: Mount[]
  /** RFC 3339, by the engine's clock. */
  createdAt: string
  /** `NAME=value`, those of the image included. */
  environment: string[]
}

/** How a helper is made. */
export interface HelperSpec {
  name: string
  spec: ContainerSpec
  command: string[]
  /** `NAME=value` */
  env: string[]
  labels: Record<string, string>
}

/** A container that does a job in a worker's place. */
export interface Helper {
  id: string
  running: boolean
}

/** The Docker Engine cannot be reached, or ended while it was asked. */
export class EngineAway extends Error {
  override readonly name = 'EngineAway'
}

/** A registry has not told a digest. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  /** `null`: it was not reached, or has not answered in time. */
  readonly status: number | null
  /** Seconds that it wants to be left alone, where it says so. */
  readonly retryAfter: number | null

  constructor(message: string, status: number | null = null, retryAfter: number | null = null) {
    super(message)
    this.status = status
    this.retryAfter = retryAfter
  }

  /** It has no such image, or shows it to nobody who is not logged in. */
  get isMissing(): boolean {
    return this.status === 404 || this.status === 401 || this.status === 403
  }
}

/** The Docker Engine, as far as a deploy needs it. Every call rejects with {@link EngineAway} when the engine cannot be reached. */
export interface Engine {
  /** The containers of every compose project, or of one, stopped ones included, one-off ones not. */
  listContainers(signal: AbortSignal, project?: string): Promise<Container[]>
  /** `null` when the container has gone. */
  inspect(id: string, signal: AbortSignal): Promise<ContainerHealth | null>
  /** What a container was made from. */
  spec(id: string, signal: AbortSignal): Promise<ContainerSpec>
  /** Makes and starts a container outside of any compose project; one of that name that is there already is started. */
  startHelper(helper: HelperSpec, signal: AbortSignal): Promise<void>
  /** A container by its name; `null` when there is none. */
  findHelper(name: string, signal: AbortSignal): Promise<Helper | null>
  /** Resolves when a container has ended. */
  waitFor(id: string, signal: AbortSignal): Promise<void>
  /** The last lines of what a container said, both outputs, without terminal escapes. */
  lastLogLines(id: string, lines: number, signal: AbortSignal): Promise<string>
  /** Stops a container with its own grace. */
  stopContainer(id: string, signal: AbortSignal): Promise<void>
  /** Removes a container whatever its state; its volumes stay. One that has gone is no error. */
  removeContainer(id: string, signal: AbortSignal): Promise<void>
  /** @returns `false` where another container has that name. */
  renameContainer(id: string, name: string, signal: AbortSignal): Promise<boolean>
  /** The image behind a name or an id; `null` when there is none. */
  image(reference: string, signal: AbortSignal): Promise<Image | null>
  /** Gives an image another name. */
  tagImage(id: string, reference: string, signal: AbortSignal): Promise<void>
  /** The names that fit a pattern such as `deployer-former/*`, with the ids behind them. */
  listNames(pattern: string, signal: AbortSignal): Promise<{ name: string; id: string }[]>
  /** Takes a name away, or removes an image by its id. @returns `false` where something still needs it, or it has gone. */
  removeImage(reference: string, signal: AbortSignal): Promise<boolean>
  /** The digest that a name has at its registry now. @param auth The value of `X-Registry-Auth`; `null` without a login. @throws {NoAnswer} */
  registryDigest(reference: string, auth: string | null, signal: AbortSignal): Promise<string>
  /** Whether the engine asks another registry for what is Docker Hub's. */
  hasHubMirror(signal: AbortSignal): Promise<boolean>
  /** The folder in which the engine keeps its images, as the host calls it. */
  dataRoot(signal: AbortSignal): Promise<string>
  /** The engine's own id, which outlives its restarts and the host's name; empty where it has none. */
  id(signal: AbortSignal): Promise<string>
  /** Resolves as soon as the engine answers. */
  ping(signal: AbortSignal): Promise<void>
  /**
   * Calls back at each start, end and change of health of a project's containers, and once (with `null`) when it has begun to watch.
   * @returns When the signal ends it.
   * @throws {EngineAway} when the engine ends it.
   */
  watch(project: string | null, signal: AbortSignal, onEvent: (event: ContainerEvent | null) => void): Promise<void>
}

/** An engine whose calls wait while it is away. */
export interface PatientEngine extends Engine {
  /** Changes whenever it is found away: what was seen of containers before and after that may be the engine's own doing. */
  outages(): number
}

/** Where a stack is, seen from here and from compose. */
export interface StackPaths {
  name: string
  /** The folder as this process sees it. */
  dir: string
  /** The folder as compose must see it, which is how the host calls it. */
  workingDir: string
}

/** How a compose command ended. */
export interface CommandResult {
  /** `null` when it was ended from outside. */
  exitCode: number | null
  stdout: string
}

/** Docker Compose. */
export interface Compose {
  /** Tells one installed version from another. */
  identity: string
  /** `2.40.3`, as it is written into the labels of containers. */
  version: string
  /**
   * Runs one compose command in a stack's folder with a clean environment.
   *
   * @returns When the whole process tree has ended. An aborted signal ends the tree.
   */
  run(paths: StackPaths, args: string[], options: ComposeOptions): Promise<CommandResult>
}

export interface ComposeOptions {
  signal: AbortSignal
  /** Gets each line of output, without terminal escapes. Standard output is left out where `keepStdout` is set. */
  onLine: (line: string) => void
  /** Collect standard output for the caller alone, since it may hold secrets. What only asks so is asked again where something else killed it. */
  keepStdout?: boolean
  /** What compose reads from its standard input, for `-f -`. */
  input?: string
  /** Variables beside those of the clean environment. */
  environment?: Record<string, string>
  /** The open file whose kernel lock the process inherits. */
  lockFd: number
}

/** Time, which only goes forward. */
export interface Clock {
  /** Milliseconds since some moment. */
  now(): number
  /** The time of day, for people: RFC 3339 in UTC. */
  timestamp(): string
  /** A signal that is aborted after so many milliseconds. */
  timeout(milliseconds: number): AbortSignal
  /** @throws The signal's reason when it is aborted first. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
}
