import { queueName } from '@deployer/shared/queue'
import { RELEASES_KEY } from '@deployer/shared/releases'
import { settleWithin } from '@deployer/shared/settle-within'
import { untraced } from '@deployer/shared/telemetry'
import { capture } from '../pipeline/capture.ts'
import { reportRun } from '../pipeline/report-run.ts'
import { Refusal } from '../refusal.ts'
import { openStack } from '../stacks/open-stack.ts'
import { publishReleases } from './publish-releases.ts'
import type { JobTools } from './run-job.ts'

/** Milliseconds in which a lock that nobody holds is had, also on a busy machine: what a deploy changes it keeps itself. */
const PATIENCE = 3000
/** Milliseconds that a stop waits for what changes nothing, and may wait for a Redis that has gone. */
const GOODBYE = 2000
/** Milliseconds until a stack is looked at again that could not be looked at. */
const AGAIN = 10_000

/** Keeps what runs of stacks that have not been deployed here, one after the other. */
export interface CaptureStacks {
  /** Looks at a stack when its turn comes. */
  add(stack: string): void
  stop(): Promise<void>
}

export function createCaptureStacks(tools: JobTools): CaptureStacks {
  const waiting = new Set<string>()
  let working: Promise<void> | undefined

  async function work(): Promise<void> {
    for (const stack of waiting) {
      waiting.delete(stack)
      if (tools.stopping.aborted) return
      await captureOne(tools, stack).catch((error: unknown) => {
        tools.logger.debug({ event: 'capture_failed', stack, err: error }, 'what runs of this stack could not be kept')
        // A stack that would be refused is looked at when it changes.
        if (!(error instanceof Refusal)) void addLater(stack)
      })
    }
  }

  function add(stack: string): void {
    waiting.add(stack)
    working ??= work().finally(() => (working = undefined))
  }

  async function addLater(stack: string): Promise<void> {
    await tools.clock.wait(AGAIN, tools.stopping).then(
      () => add(stack),
      () => undefined,
    )
  }

  return {
    add,
    async stop() {
      waiting.clear()
      await settleWithin(GOODBYE, working ?? Promise.resolve())
    },
  }
}

async function captureOne(tools: JobTools, stack: string): Promise<void> {
  const { clock, logger, secrets, redis, host } = tools
  const opened = await openStack(tools, stack, AbortSignal.any([tools.stopping, clock.timeout(PATIENCE)]), null)
  try {
    const nowhere = { save: () => undefined, event: () => undefined, trace: untraced }
    const reporter = reportRun(nowhere, logger.child({ stack }), clock, tools.stopping, secrets, null)
    const kept = await capture(opened.tools(reporter), opened.journal)
    if (redis.status !== 'ready') return
    const told = await redis.hexists(RELEASES_KEY, queueName(host, stack))
    if (kept || (told === 0 && opened.journal.file.kept.length > 0)) await publishReleases(tools, stack, opened.journal)
  } finally {
    await opened.release()
  }
}
