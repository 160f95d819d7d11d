import { createLogger } from '@deployer/shared/logger'
import type { Settings } from '@deployer/shared/settings'
import { untraced } from '@deployer/shared/telemetry'
import { connectEngine } from './connect-engine.ts'
import { deployLimits, lockSettings } from './deploy-limits.ts'
import { createLockStack } from './lock/stack-lock.ts'
import { deploy } from './pipeline/deploy.ts'
import { outcomeOf } from './pipeline/outcome-of.ts'
import { reportRun } from './pipeline/report-run.ts'
import { formatResult, HelperTask, TASK_VARIABLE } from './self/helper-task.ts'
import { locateStack } from './stacks/locate-stack.ts'

/**
 * Does one job from a container of its own, and prints its result: started by a worker for the stack that the worker is part of.
 *
 * @returns Nothing to stop: the process ends by itself.
 */
export async function start(settings: Settings, env: NodeJS.ProcessEnv): Promise<() => Promise<void>> {
  const task = HelperTask.parse(JSON.parse(env[TASK_VARIABLE] ?? '{}'))
  const logger = createLogger(settings.LOG_LEVEL, 'helper', [])
  const { engine, compose, root } = await connectEngine(settings, env, untraced)
  const never = new AbortController().signal
  const nowhere = { save: () => undefined, event: () => undefined, trace: untraced }
  const reporter = reportRun(nowhere, logger.child({ stack: task.stack }), never, [], task.former)
  let end: Parameters<typeof reporter.end>[0]
  try {
    const paths = locateStack(root, task.stack)
    const lock = await createLockStack(lockSettings(settings, env))(paths, never, (line) => logger.warn({ event: 'stack_locked' }, line))
    end = await deploy({
      action: task.action,
      paths,
      lockFd: lock.fd,
      engine,
      compose,
      limits: deployLimits(settings),
      steps: reporter,
      hide: reporter.hide,
      former: task.former,
      enterApplying: async () => undefined,
      ownContainer: null,
      handOver: null,
    })
    await lock.release()
  } catch (error) {
    end = outcomeOf(error)
  }
  process.stdout.write(formatResult(reporter.end(end)))
  return async () => undefined
}
