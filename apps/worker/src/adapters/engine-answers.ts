import type { Container, ContainerEvent, ContainerHealth, Image } from '../ports.ts'

/** Of `GET /containers/json`. */
export interface ListedContainer {
  Id: string
  Names: string[]
  State: string
  /** `Up 3 minutes (healthy)`, `Exited (1) 2 hours ago`, `Restarting (1) 3 seconds ago` */
  Status: string
  Image: string
  ImageID: string
  Labels: Record<string, string>
}

/** Of `GET /containers/{id}/json`. */
export interface InspectedContainer {
  Id: string
  Created: string
  RestartCount: number
  Image: string
  Mounts: { Source: string; Destination: string }[]
  NetworkSettings: { Networks: Record<string, unknown> }
  HostConfig: { CapAdd: string[] | null }
  Config: { Image: string; Labels: Record<string, string>; User: string; Env: string[] | null }
  State: { Status: string; ExitCode: number; StartedAt: string; Health?: { Status: ContainerHealth['health'] } }
}

/** Of `GET /images/{name}/json`. */
export interface InspectedImage {
  Id: string
  RepoTags: string[] | null
  RepoDigests: string[] | null
  /** Only of an engine whose images are containerd's. */
  Descriptor?: { digest: string } | null
  Config?: { Labels?: Record<string, string> | null } | null
}

/** A container as a list tells it. */
export function toContainer(listed: ListedContainer): Container {
  const label = (name: string) => listed.Labels[`com.docker.compose.${name}`] ?? ''
  const list = (name: string) => label(name).split(',').filter(Boolean)
  const ended = /^(?:Exited|Restarting) \((\d+)\)/.exec(listed.Status)
  const health = /\((healthy|unhealthy|health: starting)\)/.exec(listed.Status)?.[1] ?? 'none'
  return {
    id: listed.Id,
    name: (listed.Names[0] ?? '').replace(/^\//, ''),
    state: listed.State,
    exitCode: ended ? Number(ended[1]) : null,
    health: health.replace('health: ', '') as Container['health'],
    // `Up Less than a second`, `Up 59 seconds`; then `Up About a minute`.
    young: /^Up (?:Less|\d+ sec)/.test(listed.Status),
    image: listed.Image,
    imageId: listed.ImageID,
    project: label('project'),
    service: label('service'),
    composeVersion: label('version').replace(/^v/, ''),
    configHash: label('config-hash'),
    workingDir: label('project.working_dir'),
    configFiles: list('project.config_files'),
    envFiles: list('project.environment_file'),
    replaces: label('replace') || null,
  }
}

/** How a container is, as it is told alone. */
export function toHealth(inspected: InspectedContainer): ContainerHealth {
  const { State: state } = inspected
  return {
    id: inspected.Id,
    service: inspected.Config.Labels['com.docker.compose.service'] ?? '',
    status: state.Status,
    exitCode: state.ExitCode,
    health: state.Health?.Status ?? 'none',
    restartCount: inspected.RestartCount,
    startedAt: state.StartedAt.startsWith('0001-') ? '' : state.StartedAt,
  }
}

/** An image that is here. */
export function toImage({ Id, RepoTags, RepoDigests, Descriptor, Config }: InspectedImage): Image {
  const digests = RepoDigests ?? []
  // There an image whose name has moved on has lost its digests, and its id is one.
  const own = Descriptor && digests.length === 0 ? [`@${Descriptor.digest}`] : []
  return { id: Id, names: RepoTags ?? [], digests: [...digests, ...own], labels: Config?.Labels ?? {} }
}

/** What happened to a container, from a line of the stream of events. */
export function toEvent(line: string): ContainerEvent {
  const { Action, Actor } = JSON.parse(line) as { Action: string; Actor: { ID: string; Attributes: Record<string, string> } }
  const code = Actor.Attributes['exitCode']
  const workingDir = Actor.Attributes['com.docker.compose.project.working_dir'] ?? ''
  return { id: Actor.ID, action: Action, workingDir, exitCode: code === undefined ? null : Number(code) }
}

/**
 * The log of a container without a terminal comes in frames: stream, three zeros, length (big-endian), bytes.
 * With a terminal it comes as it is.
 */
export function demultiplex(bytes: Buffer): string {
  if (bytes.length < 8 || (bytes[0] ?? 9) > 2 || bytes.readUIntBE(1, 3) !== 0) return bytes.toString('utf8')
  const parts: Buffer[] = []
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4)
    parts.push(bytes.subarray(at + 8, at + 8 + length))
    at += 8 + length
  }
  return Buffer.concat(parts).toString('utf8')
}
