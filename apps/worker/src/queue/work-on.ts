import type { RunReport } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import { protectImages } from '../journal/former-names.ts'
import { peekJournal } from '../journal/journal-file.ts'
import type { Journal } from '../journal/journal.ts'
import { checkOnly } from '../pipeline/check-only.ts'
import { deploy, HandedOver, type Self } from '../pipeline/deploy.ts'
import { finish } from '../pipeline/finish.ts'
import { canceled, outcomeOf, rolledBackMeanwhile, type Outcome } from '../pipeline/outcome.ts'
import type { RunReporter } from '../pipeline/report-run.ts'
import { Refusal } from '../refusal.ts'
import { awaitHelper, startHelper, type SelfInfo } from '../self/helper.ts'
import { withoutRejected } from '../release/rejected.ts'
import { openStack, type HostTools, type OpenStack } from '../stacks/open-stack.ts'
import type { StepContext, StepEnd } from '../steps/step.ts'
import { JobAborted } from './job-aborted.ts'

/** What a job works with under its stack's lock, where it needs no Redis. */
export interface RunTools extends HostTools {
  /** How this worker could be made again as a helper; `null` outside of a container. */
  self: (SelfInfo & Self) | null
  /** Aborted when this worker is to stop: what has begun to change a stack is finished, or left to its helper. */
  stopping: AbortSignal
  /** The jobs whose deploy is running now, by their ids; the rest of a job is bookkeeping. */
  deploying: Map<string, JobData>
}

/** What has begun in a stack has not ended, because of something that nobody has foreseen: it is tried again. */
export class Unfinished extends Error {}

/** One start of a job. */
export interface Run {
  jobId: string
  data: JobData
  expect: Record<string, string>
  newReporter: (former: RunReport | null) => RunReporter
  /** Why it is not to be begun, unless it has begun already. */
  unfit: Outcome | null
  signal: AbortSignal
  /** The refusal that a deploy meets while somebody holds the stack. */
  findHold: () => Promise<Refusal | null>
  enterApplying: () => Promise<void>
  /** Makes the job's end known, while the stack is still locked. @param journal `null` where the stack could not be opened. */
  settle: (ended: RunReport, journal: Journal | null) => Promise<void>
  /** The one step of a check. */
  check?: (context: StepContext) => Promise<StepEnd>
}

/** Takes the job to its end under the stack's lock; what goes wrong in it becomes an outcome. */
export async function workOn(run: Run, tools: RunTools): Promise<RunReport> {
  const { jobId, data, expect } = run
  const { stack } = data
  const reporter = run.newReporter(null)
  const endWith = async (report: RunReport, journal: Journal | null) => {
    tools.deploying.delete(jobId)
    const ended = { ...report, expect }
    await run.settle(ended, journal)
    return ended
  }
  tools.deploying.set(jobId, data)
  try {
    for (;;) {
      let opened: OpenStack
      try {
        opened = await openStack(tools, stack, run.signal, reporter.say)
      } catch (error) {
        const file = error instanceof Refusal ? peekJournal(tools.journalStore(stack)) : null
        // How it has ended is known, whatever keeps the stack from being opened now.
        const known = file?.untold.find((one) => one.jobId === jobId)?.report
        if (known) return await endWith(known, null)
        const open = file?.open
        // Who holds the lock keeps nothing from being ended that has begun.
        if (open && error instanceof Refusal && error.code === 'stack_busy') continue
        if (open?.jobId === jobId) return await endWith(reporter.end(cannotEnd(error)), null)
        return await endWith(reporter.end(endBy(error, tools)), null)
      }
      try {
        return await endWith(await workOnOpen(run, tools, opened, reporter), opened.journal)
      } catch (error) {
        if (!(error instanceof HandedOver) || !tools.self) throw error
        // The open entry may be another job's.
        const helped = opened.journal.file.open?.jobId ?? jobId
        await startHelper(tools.engine, tools.self, helped, stack, tools.stopping)
        // The helper waits for the lock.
        await opened.release()
        tools.deploying.delete(jobId)
        await awaitHelper(tools.engine, helped, tools.stopping)
      } finally {
        await opened.release()
      }
    }
  } finally {
    tools.deploying.delete(jobId)
  }
}

/** What becomes of a job by an error. Those that another start has to deal with are thrown on. */
function endBy(error: unknown, { stopping }: RunTools): Outcome {
  if (error instanceof HandedOver || error === stopping.reason) throw error
  if (!(error instanceof JobAborted)) return outcomeOf(error)
  if (error.why === 'lost') throw error
  return canceled()
}

async function workOnOpen(run: Run, tools: RunTools, { journal, tools: toolsFor }: OpenStack, first: RunReporter): Promise<RunReport> {
  const { jobId, data } = run
  const told = () => journal.file.untold.find((one) => one.jobId === jobId)?.report
  const { open } = journal.file
  if (!told() && open) {
    if (await hasOwnContainer(tools, journal.release(open.target)?.project)) throw new HandedOver()
    const reporter = open.jobId === jobId ? run.newReporter(open.report) : first
    reporter.detach()
    await finish(toolsFor(reporter), reporter, journal).catch(unfinished)
  }
  const known = told()
  if (known) return known
  if (run.unfit) return first.end(run.unfit)
  if (data.action === 'check') return checkOnly(first, tools.limits, run.check)
  let held: Refusal | null = null
  try {
    held = await run.findHold()
    const changes = data.action === 'deploy' || data.action === 'rollback'
    if (held && changes) throw held
    const job = withoutRejected(data, journal.file.rejected)
    if (!job) return first.end(rolledBackMeanwhile())
    const report = await deploy(toolsFor(first), first, journal, {
      jobId,
      job,
      expect: run.expect,
      inContainer: tools.self !== null,
      async enterApplying() {
        // It may have come while images were pulled.
        const late = await run.findHold()
        if (late) throw late
        return run.enterApplying()
      },
      protect: () => protectImages(tools.engine, data.stack, journal, tools.clock.timeout(30_000)),
      self: tools.self,
    })
    return held && report.plan ? { ...report, refusal: held.told() } : report
  } catch (error) {
    // Once something is open, only another start can say how it ends.
    if (error instanceof HandedOver) throw error
    if (journal.file.open) return unfinished(error)
    if (!(error instanceof Refusal) || data.action !== 'plan') return first.end(endBy(error, tools))
    // A hold is what a deploy meets first.
    return first.end({ state: 'succeeded', code: null, message: null, refusal: (held ?? error).told() })
  }
}

function unfinished(cause: unknown): never {
  throw new Unfinished('What has begun in this stack could not be ended yet.', { cause })
}

/** Whether a project contains this worker's own container. */
export async function hasOwnContainer({ self, engine, clock }: RunTools, project: string | undefined): Promise<boolean> {
  if (!self || project === undefined) return false
  return (await engine.listContainers(clock.timeout(60_000), project)).some(({ id }) => id === self.container)
}

/** Of a job that has begun to change a stack which cannot be worked on any more. */
function cannotEnd(error: unknown): Outcome {
  const why = outcomeOf(error).message?.replace(/ Nothing was done\.$/, '') ?? ''
  const message = `${why} What this job had begun to change is as its worker left it. It is ended as soon as that is mended.`
  return { state: 'failed', code: 'rollback_failed', message }
}
