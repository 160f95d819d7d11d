import { z } from 'zod'
import type { Compose, StackPaths } from '../ports.ts'
import type { StepContext, StepEnd } from './step.ts'

/** What a deploy needs of the resolved compose file. */
export interface ComposeProject {
  name: string
  services: Record<string, { image: string; environment: Record<string, string> }>
}

const ResolvedFile = z.object({
  name: z.string(),
  services: z
    .record(
      z.string(),
      z.object({
        image: z.string().optional(),
        environment: z.record(z.string(), z.string().nullable()).nullish(),
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
  const { name, services } = ResolvedFile.parse(JSON.parse(json))
  const entries = Object.entries(services).map(([service, { image, environment }]) => [
    service,
    {
      // An image that is built and has no name gets this one from compose.
      image: image ?? `${name}-${service}`,
      environment: Object.fromEntries(Object.entries(environment ?? {}).map(([key, value]) => [key, value ?? ''])),
    },
  ])
  return { name, services: Object.fromEntries(entries) as ComposeProject['services'] }
}
