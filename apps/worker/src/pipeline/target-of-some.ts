import type { StepName } from '@deployer/shared/job'
import type { Tools } from '../converge/tools.ts'
import type { Container } from '../ports.ts'
import type { Release } from '../release/release.ts'
import { byDigest, pullOnly } from '../steps/pull-only.ts'
import { isOk } from '../steps/step.ts'
import { fixImages } from './fix-target.ts'
import { createMadeFromFiles } from './made-from-files.ts'
import { createImageLookup } from './resolve-images.ts'
import type { Survey } from './survey.ts'
import { whatRuns, type Draft } from './what-runs.ts'

/** Where a service's image comes from. */
interface Sources {
  /** Digests of those that are pulled by them. */
  digests: Record<string, string>
  /** Those that stay on what they run. */
  kept: Draft['services']
  /** Those that get what their names give: new ones, and those whose file has another name now. */
  named: string[]
}

/**
 * What is to run when watching updates some services: these get the digests that were decided on, and every other one stays on the image that it
 * runs, whatever its name gives by now. All else is as the stack's files say, as with every deploy.
 */
export async function targetOfSome(
  tools: Tools,
  only: Record<string, string>,
  { resolved, own, files }: Survey,
  draft: Draft,
  candidates: [Draft | Release, ...(Draft | Release)[]],
): Promise<{ before: Draft; target: Draft } | { failed: StepName }> {
  const signal = tools.clock.timeout((tools.limits.configTimeout + tools.limits.pullTimeout) * 1000)
  const image = createImageLookup(tools.engine, signal)
  const before = await whatRuns(own, candidates, image, createMadeFromFiles(tools, draft, signal))
  const sources = sourcesOf(only, draft, before)
  const { digests, named } = sources
  const toPull = named.filter((service) => !isOnlyBuilt(draft, service))
  const pulled = await tools.steps.run('pull', tools.limits.pullTimeout, (step) =>
    pullOnly(tools, resolved?.definition ?? draft.definition, files, digests, toPull, step),
  )
  if (!isOk(pulled)) return { failed: 'pull' }
  return { before, target: await fixSome(tools, draft, own, sources) }
}

function sourcesOf(only: Record<string, string>, draft: Draft, before: Draft): Sources {
  const sources: Sources = { digests: {}, kept: {}, named: [] }
  for (const [service, { image }] of Object.entries(draft.services)) {
    const running = before.services[service]
    const digest = only[service]
    if (!running || running.image !== image) sources.named.push(service)
    else if (digest === undefined || image.includes('@')) sources.kept[service] = running
    else sources.digests[service] = digest
  }
  return sources
}

function isOnlyBuilt({ definition }: Draft, service: string): boolean {
  const { build, image } = definition.services[service] ?? {}
  return build !== undefined && image === undefined
}

async function fixSome(tools: Tools, draft: Draft, own: Container[], { digests, kept }: Sources): Promise<Draft> {
  const signal = tools.clock.timeout(tools.limits.configTimeout * 1000)
  const look = createImageLookup(tools.engine, signal)
  const references = Object.entries(draft.services).map(([service, one]) => {
    const digest = digests[service]
    return [service, { ...one, image: digest === undefined ? one.image : byDigest(one.image, digest) }] as const
  })
  const unkept = references.filter(([service]) => !(service in kept))
  const fixed = await fixImages({ ...draft, services: Object.fromEntries(unkept) }, own, look)
  const services = Object.entries(draft.services).map(([service, one]) => {
    const { imageId, digest, mayEnd } = kept[service] ?? fixed.services[service] ?? one
    return [service, { ...one, imageId, digest, mayEnd }] as const
  })
  return { ...draft, services: Object.fromEntries(services) }
}
