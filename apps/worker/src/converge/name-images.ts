import type { Engine } from '../ports.ts'
import type { ServiceRelease } from '../release/release.ts'
import type { StepContext } from '../steps/step.ts'
import type { PullImages } from './pull-missing.ts'

/**
 * Lets the names of images lead to the images that a release wants. A release has only names that it ran under or was pulled under, so
 * names stay honest. A name with a digest in it cannot lead elsewhere: its image only has to be here.
 *
 * @param pull Brings images that have gone from here.
 * @throws When an image is neither here nor to be had.
 */
export async function nameImages(
  engine: Engine,
  services: Record<string, ServiceRelease>,
  pull: PullImages,
  context: StepContext,
): Promise<void> {
  const { signal } = context
  const all = Object.entries(services)
  const lookAll = (which: 'imageId' | 'image') => Promise.all(all.map(([, service]) => engine.image(service[which], signal)))
  const [images, names] = await Promise.all([lookAll('imageId'), lookAll('image')])
  const missing: Record<string, string> = {}
  for (const [index, [service, { image, imageId, digest }]] of all.entries()) {
    if (images[index]) continue
    const pinned = image.includes('@') ? image : digest && `${repository(image)}@${digest}`
    if (!pinned) throw new Error(`The image ${imageId.slice(0, 19)} of ${service} (${image}) is no longer here, and no registry has it.`)
    missing[service] = pinned
  }
  const given = new Set<string>()
  const isPulled = Object.keys(missing).length > 0
  if (isPulled) await pull(missing, context)
  for (const [index, [service, { image, imageId }]] of all.entries()) {
    const found = isPulled ? await engine.image(image, signal) : names[index]
    if (found?.id === imageId || given.has(image)) continue
    if (image.includes('@')) {
      if (!found) await pull({ [service]: image }, context)
      continue
    }
    await engine.tagImage(imageId, image, signal)
    given.add(image)
    context.log(`${image} is ${imageId.slice(0, 19)} ${found ? 'again' : 'now'} (${service})`)
  }
}

/** `registry:5000/app:1` → `registry:5000/app`: a colon before the last slash belongs to the registry. */
export function repository(reference: string): string {
  const name = reference.split('@')[0] ?? reference
  const colon = name.lastIndexOf(':')
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name
}
