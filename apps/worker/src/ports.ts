/** A container of a compose project, as the Engine lists it. */
export interface Container {
  id: string
  name: string
  /** `running`, `exited`, `created`, `restarting`, `paused`, `removing` or `dead`. */
  state: string
  /** Image id: `sha256:…`. */
  imageId: string
  project: string
  service: string
  /** The folder that compose was run in, as the host calls it. */
  workingDir: string
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
  /** Milliseconds since the epoch; 0 when it never started. */
  startedAt: number
}

/** A folder of the host inside a container. */
export interface Mount {
  source: string
  destination: string
}

/** What a container was made from, to make another one like it. */
export interface ContainerSpec {
  imageId: string
  user: string
  capabilities: string[]
  networks: string[]
  mounts: Mount[]
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

/** The Docker Engine, as far as a deploy needs it. Every call rejects when the engine cannot be reached. */
export interface Engine {
  /** The containers of every compose project, or of one, stopped ones included, one-off ones not. */
  listContainers(signal: AbortSignal, project?: string): Promise<Container[]>
  /** `null` when the container has gone. */
  inspect(id: string, signal: AbortSignal): Promise<ContainerHealth | null>
  /** What a container was made from. */
  spec(id: string, signal: AbortSignal): Promise<ContainerSpec>
  /** Makes and starts a container outside of any compose project. @returns Its id. */
  startHelper(helper: HelperSpec, signal: AbortSignal): Promise<string>
  /** A container by its name; `null` when there is none. */
  findHelper(name: string, signal: AbortSignal): Promise<Helper | null>
  /** Resolves when a container has ended. */
  waitFor(id: string, signal: AbortSignal): Promise<void>
  /** The last lines of what a container said, both outputs, without terminal escapes. */
  lastLogLines(id: string, lines: number, signal: AbortSignal): Promise<string>
  /** Removes a container whatever its state. */
  removeContainer(id: string, signal: AbortSignal): Promise<void>
  /** The id behind an image's name; `null` when there is none. */
  imageId(reference: string, signal: AbortSignal): Promise<string | null>
  /** Gives an image another name. */
  tagImage(id: string, reference: string, signal: AbortSignal): Promise<void>
  /** Calls back at each start, end and change of health of a project's containers, until the signal ends it. */
  watch(project: string | null, signal: AbortSignal, onEvent: () => void): Promise<void>
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
  /**
   * Runs one compose command in a stack's folder with a clean environment.
   *
   * @param onLine Gets each line of output, without terminal escapes. Standard output is left out where `keepStdout` is set.
   * @returns When the whole process tree has ended. An aborted signal ends the tree.
   */
  run(paths: StackPaths, args: string[], options: ComposeOptions): Promise<CommandResult>
}

export interface ComposeOptions {
  signal: AbortSignal
  onLine: (line: string) => void
  /** Collect standard output for the caller alone, since it may hold secrets. */
  keepStdout?: boolean
  /** The open file whose kernel lock the process inherits. */
  lockFd: number
}
