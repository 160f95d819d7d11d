import { z } from 'zod'
import type { Compose, StackPaths } from '../ports.ts'
import type { StepContext, StepEnd } from './step.ts'

/** What a deploy needs of the resolved compose file. */
export interface ComposeProject {
  name: string
  services: Record<string, { image: string }>
  /** The whole file as compose resolves it. It holds secrets: for finding these, and never shown. */
  model: unknown
}

const ResolvedFile = z.object({
  name: z.string(),
  services: z
    .record(
      z.string(),
      z.object({
        image: z.string().optional(),
      }),
    )
    .default({}),
})

/** Checks the stack's files. The resolved file holds secrets: it stays in memory, and none of it is printed. */
export async function config(
  compose: Compose,
  paths: StackPaths,
  lockFd: number,
  context: StepContext,
): Promise<StepEnd & { project: ComposeProject | null }> {
  const { exitCode, stdout } = await compose.run(paths, ['config', '--format', 'json'], {
    signal: context.signal,
    onLine: context.log,
    keepStdout: true,
    lockFd,
  })
  return { ok: exitCode === 0, exitCode, project: exitCode === 0 ? readProject(stdout) : null }
}

function readProject(json: string): ComposeProject {
  const model: unknown = JSON.parse(json)
  const { name, services } = ResolvedFile.parse(model)
  // An image that is built and has no name gets this one from compose.
  const entries = Object.entries(services).map(([service, { image }]) => [service, { image: image ?? `${name}-${service}` }])
  return { name, services: Object.fromEntries(entries) as ComposeProject['services'], model }
}
