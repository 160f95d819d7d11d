import { createLogger } from '@deployer/shared/logger'
import type { Settings } from '@deployer/shared/settings'
import { untraced } from '@deployer/shared/telemetry'
import { createPatientEngine } from './adapters/patient-engine.ts'
import { machineClock } from './clock.ts'
import { connectEngine } from './connect-engine.ts'
import { deployLimits, lockSettings } from './deploy-limits.ts'
import { createFileStore, journalFolder } from './journal/file-store.ts'
import { createLockStack } from './lock/stack-lock.ts'
import { finish } from './pipeline/finish.ts'
import { reportRun } from './pipeline/report-run.ts'
import { NAME_VARIABLE, STACK_VARIABLE } from './self/helper.ts'
import { openStack } from './stacks/open-stack.ts'

/**
 * Finishes what is open in a stack's journal from a container of its own, and removes that: started by a worker for the stack that the worker is
 * part of. When it has died it is started again, and goes on.
 *
 * @returns Nothing to stop: the process ends by itself.
 */
export async function start(settings: Settings, env: NodeJS.ProcessEnv): Promise<() => Promise<void>> {
  const stack = env[STACK_VARIABLE] ?? ''
  const logger = createLogger(settings.LOG_LEVEL, 'helper', []).child({ stack })
  const { engine: impatient, compose, root } = await connectEngine(settings, env, untraced)
  const clock = machineClock
  const engine = createPatientEngine(impatient, clock)
  const never = new AbortController().signal
  const lockStack = createLockStack(lockSettings(settings, env))
  const journalStore = (name: string) => createFileStore(journalFolder(settings.DATA_DIR, name))
  const host = { engine, compose, clock, root, lockStack, limits: deployLimits(settings), journalStore, logger }
  const opened = await openStack(host, stack, never, (line) => logger.info({ event: 'waiting' }, line))
  const { open } = opened.journal.file
  if (open) {
    const nowhere = { save: () => undefined, event: () => undefined, trace: untraced }
    const reporter = reportRun(nowhere, logger.child({ job_id: open.jobId }), clock, never, [], open.report)
    const { state, code } = await finish(opened.tools(reporter), reporter, opened.journal)
    logger.info({ event: 'helper_finished', state, code }, 'the stack is updated')
  }
  await opened.release()
  await engine.removeContainer(env[NAME_VARIABLE] ?? '', never)
  return async () => undefined
}
