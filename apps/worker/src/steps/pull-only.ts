import { fromFiles } from '../converge/compose-args.ts'
import { repository } from '../converge/name-images.ts'
import type { Tools } from '../converge/tools.ts'
import type { ComposeModel } from '../release/release.ts'
import type { ProjectFiles } from '../stacks/project-files.ts'
import { pullPatiently } from './pull.ts'
import { isOk, type StepContext, type StepEnd } from './step.ts'

/** The name by which an image is pulled whatever its tag leads to. */
export function byDigest(image: string, digest: string): string {
  return `${repository(image)}@${digest}`
}

/**
 * Pulls some services and no others.
 *
 * @param digests What these are to get.
 * @param named Those that get what their names give.
 */
export async function pullOnly(
  tools: Tools,
  definition: ComposeModel,
  files: ProjectFiles,
  digests: Record<string, string>,
  named: string[],
  context: StepContext,
): Promise<StepEnd> {
  const services = Object.entries(digests).map(([service, digest]) => {
    const { image = '', platform } = definition.services[service] ?? {}
    context.log(`${service}: ${byDigest(image, digest)}`)
    return [service, { image: byDigest(image, digest), ...(platform === undefined ? {} : { platform }) }] as const
  })
  const input = JSON.stringify({ services: Object.fromEntries(services) })
  const none: StepEnd = { how: 'proved' }
  const end = services.length === 0 ? none : await pullPatiently(tools, { args: ['-p', 'deployer-pull', '-f', '-'], input }, [], context)
  if (!isOk(end) || named.length === 0) return end
  return pullPatiently(tools, fromFiles({ project: definition.name, ...files }), named, context)
}
