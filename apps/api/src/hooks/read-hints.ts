import { z } from 'zod'
import type { HookSender } from '../keys/keys-file.ts'
import { imageRepository } from './image-repository.ts'

/** A repository in which there may be something new. */
export interface Hint {
  /** `null`: the sender does not say what the registry is called. */
  host: string | null
  path: string
  /** The host is what the registry was called by who pushed: stacks may call it otherwise. */
  hostMayDiffer?: boolean
  /** Repositories under this path are meant too. */
  below?: boolean
}

/** Repositories of one payload that are looked at. */
const MOST = 100

const text = z.string().max(1024).optional().catch(undefined)
/** What is not as its sender documents it is not there. */
const part = <Shape extends z.ZodRawShape>(shape: Shape) => z.object(shape).optional().catch(undefined)
const many = <Item extends z.ZodType>(item: Item) => z.array(item).catch([])

const GithubPackage = part({ name: text, namespace: text, package_type: text, package_version: part({ package_url: text }) })
const Github = z.object({ action: text, registry_package: GithubPackage, package: GithubPackage })
const Gitea = z.object({
  action: text,
  package: part({ type: text, name: text, html_url: text, owner: part({ login: text, username: text }) }),
})
const HarborData = part({ resources: many(z.object({ resource_url: text }).catch({})), repository: part({ repo_full_name: text }) })
const Harbor = z.object({ type: text, event_data: HarborData, data: HarborData })
const DistributionEvent = z
  .object({ action: text, target: part({ mediaType: text, repository: text, tag: text }), request: part({ host: text }) })
  .catch({})
const Distribution = z.object({ events: many(DistributionEvent) })
const DockerHub = z.object({ push_data: part({ tag: text }), repository: part({ repo_name: text }) })
const Quay = z.object({ docker_url: text, updated_tags: z.unknown().optional() })
const Gitlab = z.object({ object_kind: text, object_attributes: part({ status: text }), project: part({ path_with_namespace: text }) })

/** What each sender's payload says. */
const READERS: Record<HookSender, (payload: object) => Hint[]> = {
  github(payload) {
    const { action, ...event } = Github.parse(payload)
    const found = event.registry_package ?? event.package
    const kind = found?.package_type?.toLowerCase() ?? 'container'
    if (!found || action === 'deleted' || kind !== 'container') return []
    const url = found.package_version?.package_url
    return named(url || (found.namespace && found.name && `ghcr.io/${found.namespace}/${found.name}`))
  },
  gitea(payload) {
    const { action, package: found } = Gitea.parse(payload)
    const owner = found?.owner?.login ?? found?.owner?.username
    if (action !== 'created' || found?.type !== 'container' || !owner || !found.name) return []
    return [{ host: URL.parse(found.html_url ?? '')?.host ?? null, path: `${owner}/${found.name}`.toLowerCase() }]
  },
  harbor(payload) {
    const { type, event_data, data } = Harbor.parse(payload)
    if (type !== 'PUSH_ARTIFACT' && type !== 'harbor.artifact.pushed') return []
    const { resources = [], repository } = event_data ?? data ?? {}
    const hints = resources.flatMap(({ resource_url: url }) => named(url?.replace(/^https?:\/\//, '')))
    const path = repository?.repo_full_name?.toLowerCase()
    return hints.length > 0 || !path ? hints : [{ host: null, path }]
  },
  distribution(payload) {
    return Distribution.parse(payload).events.flatMap(({ action, target, request }) => {
      // Layers, which have no tag, and what is pulled: by Deployer's own checks among others.
      const isManifest = target?.mediaType === undefined ? target?.tag !== undefined : /manifest|image\.index/.test(target.mediaType)
      if (action !== 'push' || !target?.repository || !isManifest) return []
      return [{ host: request?.host?.toLowerCase() ?? null, path: target.repository.toLowerCase(), hostMayDiffer: true }]
    })
  },
  dockerhub(payload) {
    const { push_data, repository } = DockerHub.parse(payload)
    return push_data && repository?.repo_name ? named(`docker.io/${repository.repo_name}`) : []
  },
  quay(payload) {
    const { docker_url, updated_tags } = Quay.parse(payload)
    return updated_tags === undefined || updated_tags === null ? [] : named(docker_url)
  },
  gitlab(payload) {
    const { object_kind, object_attributes, project } = Gitlab.parse(payload)
    const path = project?.path_with_namespace?.toLowerCase()
    return object_kind === 'pipeline' && object_attributes?.status === 'success' && path ? [{ host: null, path, below: true }] : []
  },
}

/**
 * The repositories that a registry's payload names. Nothing else of it is ever used: a forged one costs a question to a registry.
 *
 * @param payload Whatever came.
 */
export function readHints(from: HookSender, payload: unknown): Hint[] {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return []
  return READERS[from](payload).slice(0, MOST)
}

function named(reference: string | undefined): Hint[] {
  return reference ? [imageRepository(reference)] : []
}
