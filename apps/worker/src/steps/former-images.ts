import type { Engine } from '../ports.ts'
import type { ComposeProject } from './config.ts'
import type { StepContext } from './step.ts'

/** Image ids by service. */
export type ImageIds = Record<string, string>

/**
 * The name under which the image of the deploy before is kept, so that pruning leaves it alone.
 * Names of images are lower case, and stacks and services need not be.
 */
export function formerReference(stack: string, service: string): string {
  return referenceFor(stack, service, '')
}

function referenceFor(stack: string, service: string, prefix: 'before-' | ''): string {
  const encode = (name: string) =>
    name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-|-$/g, '')
  const exact = Buffer.from(`${stack}/${service}`).toString('hex')
  return `deployer-former/${encode(stack) || 'stack'}/${encode(service) || 'service'}:${prefix}${exact.slice(-120)}`
}

/**
 * Gives the images that a deploy is about to replace another name, as long as containers still hold them: once those are gone, a prune
 * would take what a rollback needs. Names that stay behind cost nothing: they are of the image that runs or of the one before it.
 */
export async function protectImages(
  engine: Engine,
  stack: string,
  project: ComposeProject,
  images: ImageIds,
  signal: AbortSignal,
): Promise<void> {
  const protect = async ([service, id]: [string, string]) => {
    const reference = project.services[service]?.image
    if (reference === undefined || (await engine.imageId(reference, signal)) === id) return
    await engine.tagImage(id, referenceFor(stack, service, 'before-'), signal)
  }
  // An image that is gone already cannot be protected, and is no reason not to deploy; of an engine that is away, `up` tells.
  await Promise.allSettled(Object.entries(images).map(protect))
}

/** Keeps images from pruning, as those that a rollback brings back. */
export async function keepFormerImages(engine: Engine, stack: string, images: ImageIds, signal: AbortSignal): Promise<void> {
  for (const [service, id] of Object.entries(images)) await engine.tagImage(id, formerReference(stack, service), signal)
}

/** The images of the deploy before, for the services that the stack has now. */
export async function findFormerImages(engine: Engine, stack: string, services: string[], signal: AbortSignal): Promise<ImageIds> {
  const found: ImageIds = {}
  for (const service of services) {
    const id = await engine.imageId(formerReference(stack, service), signal)
    if (id !== null) found[service] = id
  }
  return found
}

/**
 * Puts image ids under the names that the compose file uses. `up` then recreates what runs another image, with labels and
 * configuration unchanged. An image that the file names by digest cannot be another one, and is left alone.
 *
 * @returns The services whose image got its name back.
 */
export async function restoreImages(engine: Engine, project: ComposeProject, images: ImageIds, context: StepContext): Promise<string[]> {
  const { signal } = context
  const restored: string[] = []
  for (const [service, id] of Object.entries(images)) {
    const reference = project.services[service]?.image
    if (reference === undefined || reference.includes('@')) continue
    if ((await engine.imageId(reference, signal)) === id) continue
    await engine.tagImage(id, reference, signal)
    context.log(`${service} ${reference} is ${id.slice(0, 19)} again`)
    restored.push(service)
  }
  return restored
}
