import { printable } from '@deployer/shared/printable'
import type { Container, ContainerHealth, Engine } from '../ports.ts'
import { EngineError, EngineHttp } from './engine-http.ts'

interface ListedContainer {
  Id: string
  Names: string[]
  State: string
  ImageID: string
  Labels: Record<string, string>
}

interface InspectedContainer {
  Id: string
  RestartCount: number
  Image: string
  Mounts: { Source: string; Destination: string }[]
  NetworkSettings: { Networks: Record<string, unknown> }
  HostConfig: { CapAdd: string[] | null }
  Config: { Labels: Record<string, string>; User: string }
  State: { Status: string; ExitCode: number; StartedAt: string; Health?: { Status: ContainerHealth['health'] } }
}

/** The Docker Engine over its own HTTP API: an answer in 3 ms where the command line takes 50. */
export function createEngine(dockerHost: string): Engine {
  const http = new EngineHttp(dockerHost)
  return {
    async listContainers(signal, project) {
      const label = project === undefined ? 'com.docker.compose.project' : `com.docker.compose.project=${project}`
      const list = await http.json<ListedContainer[]>('GET', `/containers/json?all=1&filters=${filters({ label: [label] })}`, signal)
      return list.filter((container) => container.Labels['com.docker.compose.oneoff'] !== 'True').map(toContainer)
    },
    async inspect(id, signal) {
      const container = await orNull(http.json<InspectedContainer>('GET', `/containers/${id}/json`, signal))
      return container && toHealth(container)
    },
    async spec(id, signal) {
      const container = await http.json<InspectedContainer>('GET', `/containers/${id}/json`, signal)
      return {
        imageId: container.Image,
        user: container.Config.User,
        capabilities: container.HostConfig.CapAdd ?? [],
        networks: Object.keys(container.NetworkSettings.Networks),
        mounts: container.Mounts.map(({ Source, Destination }) => ({ source: Source, destination: Destination })),
      }
    },
    async startHelper({ name, spec, command, env, labels }, signal) {
      const body = {
        Image: spec.imageId,
        User: spec.user,
        Cmd: command,
        Env: env,
        Labels: labels,
        Healthcheck: { Test: ['NONE'] },
        HostConfig: {
          Binds: spec.mounts.map(({ source, destination }) => `${source}:${destination}`),
          NetworkMode: spec.networks[0] ?? 'none',
          CapDrop: ['ALL'],
          CapAdd: spec.capabilities,
          SecurityOpt: ['no-new-privileges:true'],
          LogConfig: { Type: 'json-file' },
        },
      }
      const { Id } = await http.json<{ Id: string }>('POST', `/containers/create?name=${name}`, signal, body)
      await http.text('POST', `/containers/${Id}/start`, signal)
      return Id
    },
    async findHelper(name, signal) {
      const found = await orNull(http.json<InspectedContainer>('GET', `/containers/${name}/json`, signal))
      return found && { id: found.Id, running: found.State.Status === 'running' }
    },
    async waitFor(id, signal) {
      await http.text('POST', `/containers/${id}/wait`, signal)
    },
    async imageId(reference, signal) {
      return (await orNull(http.json<{ Id: string }>('GET', `/images/${encodeURIComponent(reference)}/json`, signal)))?.Id ?? null
    },
    async lastLogLines(id, lines, signal) {
      return printable(demultiplex(await http.bytes('GET', `/containers/${id}/logs?stdout=1&stderr=1&tail=${lines}`, signal)))
    },
    async removeContainer(id, signal) {
      await http.text('DELETE', `/containers/${id}?force=1`, signal)
    },
    async tagImage(id, reference, signal) {
      const { repository, tag } = splitReference(reference)
      const query = `repo=${encodeURIComponent(repository)}&tag=${encodeURIComponent(tag)}`
      await http.text('POST', `/images/${encodeURIComponent(id)}/tag?${query}`, signal)
    },
    async watch(project, signal, onEvent) {
      const label = project === null ? 'com.docker.compose.project' : `com.docker.compose.project=${project}`
      const events = ['start', 'die', 'destroy', 'pause', 'unpause', 'health_status']
      const query = filters({ type: ['container'], event: events, label: [label] })
      const stream = await http.open('GET', `/events?filters=${query}`, signal)
      onEvent()
      try {
        for await (const chunk of stream) if (chunk) onEvent()
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
}

/** `null` for what the engine does not know. */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return null
    throw error
  }
}

function filters(value: Record<string, string[]>): string {
  return encodeURIComponent(JSON.stringify(value))
}

function toContainer(listed: ListedContainer): Container {
  const label = (name: string) => listed.Labels[`com.docker.compose.${name}`] ?? ''
  return {
    id: listed.Id,
    name: (listed.Names[0] ?? '').replace(/^\//, ''),
    state: listed.State,
    imageId: listed.ImageID,
    project: label('project'),
    service: label('service'),
    workingDir: label('project.working_dir'),
  }
}

function toHealth(inspected: InspectedContainer): ContainerHealth {
  const { State: state } = inspected
  const startedAt = Date.parse(state.StartedAt)
  return {
    id: inspected.Id,
    service: inspected.Config.Labels['com.docker.compose.service'] ?? '',
    status: state.Status,
    exitCode: state.ExitCode,
    health: state.Health?.Status ?? 'none',
    restartCount: inspected.RestartCount,
    startedAt: startedAt > 0 ? startedAt : 0,
  }
}

/** `registry:5000/app:1` → `registry:5000/app` and `1`: a colon before the last slash belongs to the registry. */
export function splitReference(reference: string): { repository: string; tag: string } {
  const colon = reference.lastIndexOf(':')
  if (colon <= reference.lastIndexOf('/')) return { repository: reference, tag: 'latest' }
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) }
}

/**
 * The log of a container without a terminal comes in frames: stream, three zeros, length (big-endian), bytes.
 * With a terminal it comes as it is.
 */
function demultiplex(bytes: Buffer): string {
  if (bytes.length < 8 || (bytes[0] ?? 9) > 2 || bytes.readUIntBE(1, 3) !== 0) return bytes.toString('utf8')
  const parts: Buffer[] = []
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4)
    parts.push(bytes.subarray(at + 8, at + 8 + length))
    at += 8 + length
  }
  return Buffer.concat(parts).toString('utf8')
}
