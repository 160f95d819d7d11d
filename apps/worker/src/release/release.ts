import { z } from 'zod'

/** What `docker compose config --format json` gives: the resolved compose file. Only what is looked at is named. */
export const ComposeModel = z.looseObject({
  name: z.string(),
  services: z
    .record(
      z.string(),
      z.looseObject({
        image: z.string().optional(),
        build: z.unknown().optional(),
        pull_policy: z.string().optional(),
        environment: z.record(z.string(), z.string().nullable()).nullish(),
        network_mode: z.string().optional(),
        ipc: z.string().optional(),
        pid: z.string().optional(),
        volumes_from: z.array(z.string()).nullish(),
        scale: z.int().optional(),
        depends_on: z.record(z.string(), z.looseObject({ condition: z.string().optional(), restart: z.boolean().optional() })).nullish(),
        deploy: z
          .looseObject({ replicas: z.int().optional(), update_config: z.looseObject({ monitor: z.unknown() }).partial().nullish() })
          .nullish(),
        healthcheck: z.looseObject({ start_period: z.unknown(), interval: z.unknown() }).partial().nullish(),
      }),
    )
    .default({}),
})
export type ComposeModel = z.infer<typeof ComposeModel>
export type ComposeService = ComposeModel['services'][string]

/** One service of a release. */
export const ServiceRelease = z.object({
  /** The name that it runs under. */
  image: z.string(),
  imageId: z.string(),
  /** What the name's registry calls the image; `null` for one that was built here. */
  digest: z.string().nullable(),
  /**
   * Compose's hashes of its definition, one of which is a label of its containers: first the one that `hashedBy` gives, then those of other
   * composes. `null` where it cannot be told beforehand.
   */
  hashes: z.array(z.string()).min(1).nullable(),
  /** How many containers. */
  count: z.int(),
  /** Stopped by hand while the others ran: a way back leaves it so. */
  stopped: z.boolean(),
  /** It was no running service before, so it may end by itself, with 0. */
  mayEnd: z.boolean(),
})
export type ServiceRelease = z.infer<typeof ServiceRelease>

/** What a stack should run, as a value: never changed once it is made. Holds what the stack's `.env` holds, so it stays on its host. */
export const Release = z.object({
  version: z.literal(1),
  number: z.int(),
  /** RFC 3339. */
  at: z.string(),
  /** The job that made it, and who asked for that; `null` for what was running already. */
  jobId: z.string().nullable(),
  by: z.string().nullable(),
  project: z.string(),
  /** The folder that relative paths in the definition start from, as the host calls it. */
  projectDir: z.string(),
  /** The files to name to compose, as the host calls them; empty: those that compose finds by itself. */
  files: z.array(z.string()),
  envFiles: z.array(z.string()),
  definition: ComposeModel,
  /** What secrets and configs of the definition take from the environment. */
  environment: z.record(z.string(), z.string()),
  /** Variables without a value when the definition was resolved. */
  unset: z.array(z.string()),
  /** Tells whether the stack's own files are still those that the definition came from. */
  fingerprint: z.string(),
  /**
   * Hashes of what the files said that all of it was made from, by their paths from the stack's folder; empty where it is not what any files said as a
   * whole. Not there where that is not known, as in what a worker of the release before has kept.
   */
  contents: z.record(z.string(), z.string()).optional(),
  /** The compose that told the hashes, by its `identity`: another one may tell others. */
  hashedBy: z.string(),
  /** Services that run, or ran, from a definition that nobody knows: a way back to this release cannot be whole. */
  lost: z.array(z.string()),
  services: z.record(z.string(), ServiceRelease),
})
export type Release = z.infer<typeof Release>

/** The name of a service's image; one that is built and has none gets this one from compose. */
export function imageName(project: string, service: string, definition: ComposeService): string {
  return definition.image ?? `${project}-${service}`
}

/** How many containers a definition asks for. */
export function replicas(definition: ComposeService): number {
  return definition.scale ?? definition.deploy?.replicas ?? 1
}

/** Whether two releases would run the same. */
export function isSameRelease(one: Release, other: Release): boolean {
  const run = ({ project, projectDir, files, envFiles, definition, environment, services }: Release) => {
    const wanted = Object.fromEntries(
      Object.entries(services).map(([name, { image, imageId, count, stopped }]) => [name, [image, imageId, count, stopped]]),
    )
    return JSON.stringify(sorted([project, projectDir, files, envFiles, definition, environment, wanted]))
  }
  return one.lost.length === 0 && other.lost.length === 0 && run(one) === run(other)
}

/** Whether two definitions say the same. */
export function isSameDefinition(one: ComposeModel, other: ComposeModel): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other))
}

/** The same value with the members of its objects in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  )
}
