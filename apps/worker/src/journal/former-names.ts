import { createHash } from 'node:crypto'
import type { Engine, Image } from '../ports.ts'
import { familiar, splitReference } from '../stacks/split-reference.ts'
import type { Journal } from './journal.ts'

/**
 * Gives the images of all kept releases names of their own, so that a prune leaves them: once the containers that run them are gone, nothing
 * else may hold them.
 */
export async function protectImages(engine: Engine, stack: string, journal: Journal, signal: AbortSignal): Promise<void> {
  const known = new Set((await engine.listNames(pattern(stack), signal)).map(({ name }) => name))
  for (const [name, id] of wantedNames(stack, journal)) {
    // An image that is gone already cannot be protected, and is no reason not to deploy.
    if (!known.has(name)) await engine.tagImage(id, name, signal).catch(() => undefined)
  }
}

/**
 * Lets go what no kept release needs: names of ours, and images that deploys have brought here and that nothing uses any more. Nothing else is
 * ever removed.
 */
export async function releaseImages(engine: Engine, stack: string, journal: Journal, signal: AbortSignal): Promise<void> {
  const wanted = wantedNames(stack, journal)
  for (const { name, id } of await engine.listNames(pattern(stack), signal)) {
    if (!name.endsWith(`-${mark(stack)}`) || wanted.has(name)) continue
    // With its last name an image goes, but not when another image gets that name.
    if (!journal.file.pulled.includes(id) && !(await moveName(engine, name, [...wanted.values()], signal))) continue
    await engine.removeImage(name, signal)
  }
  const ids = new Set(wanted.values())
  const stay: string[] = []
  for (const id of journal.file.pulled) {
    if (ids.has(id)) {
      stay.push(id)
      continue
    }
    const image = await engine.image(id, signal)
    if (!image) continue
    if (isNamedBySomebody(image, journal.file.pulledAs[id]) || !(await engine.removeImage(id, signal))) stay.push(id)
  }
  journal.keepPulled(stay)
}

/** Whether an image has a name that it did not come under: the engine would take that away with the image. */
function isNamedBySomebody({ names }: Image, cameAs: string | undefined): boolean {
  return names.some((name) => cameAs === undefined || fullName(name) !== fullName(cameAs))
}

function fullName(name: string): string {
  const { repository, tag } = splitReference(name)
  return `${familiar(repository)}:${tag}`
}

/** Gives a name to one of the images that are kept. @returns Whether one of them is still here. */
async function moveName(engine: Engine, name: string, kept: string[], signal: AbortSignal): Promise<boolean> {
  for (const id of new Set(kept)) {
    const isThere = await engine.image(id, signal)
    if (!isThere) continue
    await engine.tagImage(id, name, signal)
    return true
  }
  return false
}

function wantedNames(stack: string, journal: Journal): Map<string, string> {
  const names = new Map<string, string>()
  for (const { release } of journal.releases()) {
    for (const [service, { imageId }] of Object.entries(release.services)) names.set(formerName(stack, service, imageId), imageId)
  }
  return names
}

/** Names of images are lower case, and stacks and services need not be; the mark tells apart what is alike then. */
function formerName(stack: string, service: string, imageId: string): string {
  return `deployer-former/${encode(stack) || 'stack'}/${encode(service) || 'service'}:${imageId.slice(7, 19)}-${mark(stack)}`
}

function mark(stack: string): string {
  return createHash('sha256').update(stack).digest('hex').slice(0, 12)
}

function pattern(stack: string): string {
  return `deployer-former/${encode(stack) || 'stack'}/*`
}

function encode(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
}
