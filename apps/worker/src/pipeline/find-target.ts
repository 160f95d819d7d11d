import { z } from 'zod'
import type { StepName } from '@deployer/shared/job'
import type { Tools } from '../converge/tools.ts'
import type { Journal } from '../journal/journal.ts'
import type { Container } from '../ports.ts'
import { Refusal } from '../refusal.ts'
import { compare, isRunning } from '../release/compare.ts'
import type { ComposeModel, Release } from '../release/release.ts'
import { build } from '../steps/build.ts'
import { refuseUnset } from '../steps/refuse-unset.ts'
import { pull } from '../steps/pull.ts'
import { isOk, type StepContext } from '../steps/step.ts'
import type { DeployRequest } from './deploy.ts'
import { draftOf, fixImages } from './fix-target.ts'
import { renewHashes, withHashes } from './hashes.ts'
import { createMadeFromFiles } from './made-from-files.ts'
import { planImages } from './plan-images.ts'
import { refuseFullDisk } from './refuse-disk.ts'
import { refuseOtherImages } from './refuse-images.ts'
import { createImageLookup } from './resolve-images.ts'
import type { Survey } from './survey.ts'
import { targetOfSome } from './target-of-some.ts'
import { whatRuns, type Draft } from './what-runs.ts'

/** What runs, and what is to run. */
export interface Target {
  before: Draft | Release
  target: Draft | Release
}

/**
 * Fixes what is to run: for a rollback a release that is kept, otherwise what the stack's files and the registry say now.
 *
 * @throws {Refusal}
 */
export async function findTarget(
  tools: Tools,
  journal: Journal,
  request: DeployRequest,
  surveyed: Survey,
): Promise<Target | { failed: StepName }> {
  const found = await findBoth(tools, journal, request, surveyed)
  if ('failed' in found) return found
  // What an earlier job has left half made is nothing to go back to.
  const proven = journal.file.unproven ? journal.lastProven() : null
  return { ...found, before: proven ?? found.before }
}

async function findBoth(tools: Tools, journal: Journal, request: DeployRequest, surveyed: Survey): Promise<Target | { failed: StepName }> {
  const { resolved, own, files } = surveyed
  const kept = keptReleases(journal)
  const context: StepContext = { signal: tools.clock.timeout(tools.limits.configTimeout * 1000), log: () => undefined }
  if (!resolved) {
    const target = await renewHashes(tools, journal, chooseRelease(journal, request.job.to, tools.paths.name, own))
    const [first = target, ...rest] = kept
    return { before: await whatRuns(own, [first, ...rest], createImageLookup(tools.engine, context.signal), null), target }
  }
  const draft = await withHashes(tools, draftOf(tools, resolved, files), journal.current(), context.signal)
  const unset = resolved.unset.filter((name) => !journal.current()?.unset.includes(name))
  await refuseUnsetNow(tools, draft, surveyed, unset, context)

  await refuseFullDisk(tools, request.inContainer, context.signal)
  if (request.job.action === 'plan') return planTarget(tools, kept, surveyed, draft)
  const formerIds = await idsBehind(tools, draft, context.signal)
  if (request.job.only) {
    const some = await targetOfSome(tools, request.job.only, surveyed, draft, candidates(kept, draft))
    if ('target' in some) keepPulled(journal, some.target, formerIds)
    return some
  }
  const pulled = await tools.steps.run('pull', tools.limits.pullTimeout, (step) => pull(tools, resolved.definition, files, step))
  if (!isOk(pulled)) return { failed: 'pull' }
  if (wantsBuild(resolved.definition)) {
    const built = await tools.steps.run('build', tools.limits.pullTimeout, (step) => build(tools, surveyed.project, files, step))
    if (!isOk(built)) return { failed: 'build' }
  }
  const signal = tools.clock.timeout(tools.limits.configTimeout * 1000)
  const image = createImageLookup(tools.engine, signal)
  const [before, target] = await Promise.all([
    whatRuns(own, candidates(kept, draft), image, createMadeFromFiles(tools, draft, signal)),
    fixImages(draft, own, image),
  ])
  await refuseOtherImages(tools, target, request.expect, image, context)
  keepPulled(journal, target, formerIds)
  return { before, target }
}

/** Remembers what a pull has brought. @param formerIds The images that the names led to before. */
function keepPulled(journal: Journal, target: Draft, formerIds: ReadonlySet<string>): void {
  const brought = Object.values(target.services).filter(({ imageId, digest }) => digest !== null && !formerIds.has(imageId))
  journal.addPulled(Object.fromEntries(brought.map(({ imageId, image }) => [imageId, image])))
}

/** `x-deployer: { build: true }` in the stack's file. */
const WantsBuild = z.object({ build: z.literal(true) })

function wantsBuild(definition: ComposeModel): boolean {
  return WantsBuild.safeParse(definition['x-deployer']).success
}

/** The images that a stack's names lead to before the pull. */
async function idsBehind({ engine }: Tools, { services }: Draft, signal: AbortSignal): Promise<Set<string>> {
  const names = [...new Set(Object.values(services).map(({ image }) => image))]
  const images = await Promise.all(names.map((name) => engine.image(name, signal)))
  return new Set(images.flatMap((found) => (found ? [found.id] : [])))
}

/** The one that was made to run last comes first. */
function keptReleases(journal: Journal): Release[] {
  const current = journal.file.current
  const releases = journal.releases().map(({ release }) => release)
  return [...releases.filter(({ number }) => number === current), ...releases.filter(({ number }) => number !== current)]
}

function candidates([current, ...older]: Release[], files: Draft): [Draft | Release, ...(Draft | Release)[]] {
  return current ? [current, files, ...older] : [files]
}

/** What a deploy would find: the registry is asked, and nothing pulled. */
async function planTarget(tools: Tools, kept: Release[], { own }: Survey, draft: Draft): Promise<Target | { failed: StepName }> {
  let target: Draft | undefined
  const end = await tools.steps.run('plan', tools.limits.pullTimeout, async (step) => {
    target = await planImages(tools, draft, own, step)
    return { how: 'proved' }
  })
  if (!isOk(end) || !target) return { failed: 'plan' }
  const signal = tools.clock.timeout(tools.limits.configTimeout * 1000)
  const image = createImageLookup(tools.engine, signal)
  return { before: await whatRuns(own, candidates(kept, draft), image, createMadeFromFiles(tools, draft, signal)), target }
}

async function refuseUnsetNow(
  tools: Tools,
  { services }: Draft,
  { own, project, files }: Survey,
  unset: string[],
  context: StepContext,
): Promise<void> {
  const changed = own.filter((one) => isRunning(one) && services[one.service]?.hashes?.includes(one.configHash) === false)
  await refuseUnset(tools, project, files, unset, [...new Set(changed.map(({ service }) => service))], context)
}

/**
 * The release that a rollback goes to.
 *
 * @throws {Refusal} `release_not_found`, `nothing_to_roll_back`.
 */
function chooseRelease(journal: Journal, to: number | undefined, stack: string, own: Container[]): Release {
  if (to !== undefined) {
    const wanted = journal.release(to)
    if (wanted && wanted.lost.length === 0) return wanted
    if (wanted) {
      const lost = wanted.lost.join(', ')
      throw new Refusal(
        'release_not_found',
        `Release ${to} of "${stack}" cannot be made to run: nobody knows the definition that ${lost} had in it.`,
      )
    }
    throw new Refusal(
      'release_not_found',
      `Release ${to} of "${stack}" is not kept (any more). GET /stacks/${stack}/releases lists those that are.`,
    )
  }
  const current = journal.current()
  const isMine = current === null || journal.file.unproven || Object.values(compare(current, own)).every(({ why }) => why !== 'image')
  // What somebody has brought by hand comes after the release that is known to have run.
  const limit = (current?.number ?? Number.POSITIVE_INFINITY) + (isMine ? 0 : 1)
  const former = journal.releases().find(({ release, verified }) => verified && release.lost.length === 0 && release.number < limit)
  if (former) return former.release
  throw new Refusal(
    'nothing_to_roll_back',
    `No earlier release of "${stack}" is kept that was seen to run, so there is nothing to go back to.`,
  )
}
