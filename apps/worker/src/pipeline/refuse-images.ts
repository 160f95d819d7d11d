import type { Tools } from '../converge/tools.ts'
import { repository } from '../converge/name-images.ts'
import { pullWithCompose } from '../converge/pull-missing.ts'
import { Refusal } from '../refusal.ts'
import type { StepContext } from '../steps/step.ts'
import type { createImageLookup } from './resolve-images.ts'
import type { Draft } from './what-runs.ts'

/**
 * Holds what `pull` has brought against what callers expect.
 *
 * @param expect Digests of an index or of this platform's manifest, by service.
 * @throws {Refusal} `wrong_image`.
 */
export async function refuseOtherImages(
  tools: Tools,
  target: Draft,
  expect: Record<string, string>,
  image: ReturnType<typeof createImageLookup>,
  context: StepContext,
): Promise<void> {
  for (const [service, digest] of Object.entries(expect)) {
    const own = target.services[service]
    if (!own) throw new Refusal('wrong_image', `An image was expected for "${service}", but the stack has no such service.`)
    const here = (await image(own.imageId))?.digests ?? []
    if (own.digest === digest || here.some((one) => one.endsWith(`@${digest}`))) continue
    // The digest of one platform's manifest gives the same image as that of the index that names it.
    const reference = `${repository(own.image)}@${digest}`
    const isSame = await pullWithCompose(tools)({ [service]: reference }, context).then(
      async () => (await tools.engine.image(reference, context.signal))?.id === own.imageId,
      () => false,
    )
    if (isSame) continue
    throw new Refusal(
      'wrong_image',
      `${own.image} of "${service}" is ${own.digest ?? own.imageId} after the pull, and not ${digest} as expected. ` +
        'Was it pushed under this name, to this registry? Nothing was changed.',
    )
  }
}
