import type { RunReport } from '@deployer/shared/job'
import type { Compose, Container, Engine, StackPaths } from '../ports.ts'
import { Refusal } from '../refusal.ts'
import { imagesByService, listChanges } from '../steps/changes.ts'
import { composeStep, PULL, recreate, UP, UP_WITHOUT_PULL } from '../steps/compose-step.ts'
import type { ComposeProject } from '../steps/config.ts'
import { findFormerImages, keepFormerImages, protectImages, restoreImages, type ImageIds } from '../steps/former-images.ts'
import { removeLeftovers } from '../steps/leftovers.ts'
import { runStep, type StepContext, type StepRunner } from '../steps/step.ts'
import { verify } from '../steps/verify.ts'
import { failedAt, type DeployOutcome } from './outcome.ts'
import { survey } from './survey.ts'

/** Seconds that steps may take, and what may be done. */
export interface DeployLimits {
  statusTimeout: number
  configTimeout: number
  pullTimeout: number
  upTimeout: number
  /** 0 skips `verify`. */
  healthTimeout: number
  rollback: boolean
}

/** All that a deploy works with; it knows neither HTTP nor queue. */
export interface DeployInput {
  action: 'deploy' | 'rollback'
  paths: StackPaths
  lockFd: number
  engine: Engine
  compose: Compose
  limits: DeployLimits
  steps: StepRunner
  /** Called as soon as values are known that no output may show. */
  hide: (secrets: string[]) => void
  /** The images that ran before, kept from an earlier start of the same job that got as far as changing something. */
  former: ImageIds | null
  /** Passes the point of no return, and keeps the images for a later start. Throws when the job may not go on. */
  enterApplying: (former: ImageIds) => Promise<void>
  /** The container that this process runs in: a stack that has it cannot be updated from here. */
  ownContainer: string | null
  /** Lets somebody outside of the stack do the deploy; what comes back is the whole report. `null` where nobody is needed. */
  handOver: ((former: ImageIds) => Promise<RunReport>) | null
}

/** How `up` and `verify` went, and what runs after it. */
type Applied = { ok: true; now: Container[] } | { ok: false; at: 'up' | 'verify'; message: string }

/** Log lines of a failed service that go into the tail. */
const LOG_LINES = 20

/**
 * Updates a stack: status, config, pull, up, verify, and back to the former images when `up` or `verify` fails.
 *
 * @throws {Refusal} before anything is changed, and the job's abort reason when it has to stop.
 */
export async function deploy(input: DeployInput): Promise<DeployOutcome | RunReport> {
  const found = await survey(input)
  if ('state' in found) return found
  const { project, containers } = found
  const before = input.former ?? Object.fromEntries(imagesByService(containers))
  if (input.handOver && containers.some(({ id }) => id === input.ownContainer)) {
    await input.enterApplying(before)
    return input.handOver(before)
  }
  if (input.action === 'rollback') return rollBackOnRequest(input, project, containers, before)
  const pulled = await runStep(input.steps, 'pull', input.limits.pullTimeout, (context) =>
    composeStep(input.compose, input.paths, input.lockFd, PULL, context),
  )
  if (!pulled.ok) return failedAt('pull')
  // Asked for while Redis notes that the changes begin.
  const signal = AbortSignal.timeout(30_000)
  const protecting = protectImages(input.engine, input.paths.name, project, before, signal)
  const listing = input.engine.listContainers(signal, project.name).then((list) => protecting.then(() => list))
  listing.catch(() => undefined)
  await input.enterApplying(before)
  const applied = await apply(input, project, containers, listing)
  return conclude(input, project, before, applied)
}

/** Brings the images of the deploy before back, because somebody asked for it. */
async function rollBackOnRequest(
  input: DeployInput,
  project: ComposeProject,
  containers: Container[],
  before: ImageIds,
): Promise<DeployOutcome> {
  const { engine, paths, steps, limits } = input
  const former = await findFormerImages(engine, paths.name, Object.keys(project.services), AbortSignal.timeout(30_000))
  if (Object.keys(former).length === 0) {
    throw new Refusal(
      'nothing_to_roll_back',
      `No image of an earlier deploy of "${paths.name}" is kept, so there is nothing to go back to.`,
    )
  }
  await input.enterApplying(before)
  const applied = await runStep(steps, 'rollback', limits.upTimeout, async (context) => {
    await restoreImages(engine, project, former, context)
    await protectImages(engine, paths.name, project, before, context.signal)
    return composeStep(input.compose, paths, input.lockFd, UP_WITHOUT_PULL, context)
  })
  const verified = applied.ok
    ? await verifyFresh(input, project, containers)
    : { ok: false as const, at: 'up' as const, message: 'rollback failed' }
  return conclude(input, project, before, verified)
}

/**
 * `up`, and `verify` where a container was made anew.
 *
 * @param listing The project's containers as they are now; a second try asks again.
 */
async function apply(
  input: DeployInput,
  project: ComposeProject,
  containers: Container[],
  listing: Promise<Container[]>,
): Promise<Applied> {
  const { engine, steps, limits } = input
  let listed: Promise<Container[]> | undefined = listing
  const up = await runStep(steps, 'up', limits.upTimeout, (context) =>
    composeStep(input.compose, input.paths, input.lockFd, UP, context, async () => {
      const now = await (listed ?? engine.listContainers(context.signal, project.name))
      listed = undefined
      await removeLeftovers(engine, now, context)
    }),
  )
  return up.ok ? verifyFresh(input, project, containers) : { ok: false, at: 'up', message: 'up failed' }
}

/** Proves the containers that were not there before. After an interrupted start it cannot be told which those are: then all. */
async function verifyFresh(input: DeployInput, project: ComposeProject, containers: Container[]): Promise<Applied> {
  const now = await input.engine.listContainers(AbortSignal.timeout(30_000), project.name)
  const old = new Set(input.former === null ? containers.map(({ id }) => id) : [])
  const fresh = now.filter(({ id }) => !old.has(id))
  if (fresh.length === 0 || input.limits.healthTimeout === 0) return { ok: true, now }
  let fault = 'not healthy in time'
  const verified = await runStep(input.steps, 'verify', input.limits.healthTimeout, async (context) => {
    const end = await verify(input.engine, project.name, fresh, input.former === null, context)
    if (end.failed) {
      fault = `${end.failed.service} ${end.failed.says}`
      await logLastLines(input.engine, end.failed, context)
    }
    return end
  })
  return verified.ok ? { ok: true, now } : { ok: false, at: 'verify', message: `verify failed, ${fault}` }
}

/** Ends a deploy whose containers have been touched: keeps the replaced images, or goes back to them. */
async function conclude(input: DeployInput, project: ComposeProject, before: ImageIds, applied: Applied): Promise<DeployOutcome> {
  const { engine, paths } = input
  const rollback = applied.ok ? null : await rollBack(input, project, before, applied.at)
  const now = applied.ok ? applied.now : await engine.listContainers(AbortSignal.timeout(30_000), project.name)
  const changes = listChanges(project, new Map(Object.entries(before)), now)
  if (applied.ok) {
    const replaced = Object.fromEntries(changes.flatMap(({ service, from }) => (from === null ? [] : [[service, from]])))
    const message = await keepFormerImages(engine, paths.name, replaced, AbortSignal.timeout(30_000)).then(
      () => null,
      (error: Error) => `Deployed, but the former images could not be kept for a rollback: ${error.message}`,
    )
    return { state: 'succeeded', code: null, message, changes, rolledBack: false }
  }
  const message = `${applied.message}. ${rollback?.message ?? ''}`.trim()
  return { state: 'failed', code: 'step_failed', message, changes, rolledBack: rollback?.ok === true }
}

/** Puts the former images back after a failure and proves that they run. */
async function rollBack(
  input: DeployInput,
  project: ComposeProject,
  before: ImageIds,
  failedAt: 'up' | 'verify',
): Promise<{ ok: boolean; message: string }> {
  const { engine, steps, limits, paths } = input
  if (!limits.rollback) return { ok: false, message: 'Not rolled back, because ROLLBACK is off.' }
  let restored: string[] = []
  const end = await runStep(steps, 'rollback', limits.upTimeout + limits.healthTimeout, async (context) => {
    restored = await restoreImages(engine, project, before, context)
    if (restored.length === 0) {
      context.log('no image is another one than before: there is nothing to go back to')
      return { ok: false, exitCode: null }
    }
    const old = new Set((await engine.listContainers(context.signal, project.name)).map(({ id }) => id))
    const compose = (args: string[]) =>
      composeStep(input.compose, paths, input.lockFd, args, context, async () =>
        removeLeftovers(engine, await engine.listContainers(context.signal, project.name), context),
      )
    const recreated = failedAt === 'up' ? await compose(recreate(restored)) : null
    const up = recreated && !recreated.ok ? recreated : await compose(UP_WITHOUT_PULL)
    if (!up.ok || limits.healthTimeout === 0) return up
    const fresh = (await engine.listContainers(context.signal, project.name)).filter(({ id }) => !old.has(id))
    const verified = await verify(engine, project.name, fresh, true, context)
    if (verified.failed) await logLastLines(engine, verified.failed, context)
    return { ok: verified.ok, exitCode: up.exitCode }
  })
  if (end.ok) return { ok: true, message: 'Rolled back: the former images run again.' }
  if (restored.length === 0)
    return { ok: false, message: 'No image had changed, so there was nothing to roll back to: look at the compose file.' }
  return { ok: false, message: 'THE ROLLBACK FAILED TOO: the stack needs you. Its tail says why.' }
}

async function logLastLines(engine: Engine, failed: { id: string; service: string }, context: StepContext): Promise<void> {
  const text = await engine.lastLogLines(failed.id, LOG_LINES, context.signal)
  for (const line of text.trimEnd().split('\n')) if (line) context.log(`${failed.service} | ${line}`)
}
