import type { RunReport } from '@deployer/shared/job'
import type { Engine } from '../ports.ts'
import { helperName, parseResult, TASK_VARIABLE, type HelperTask } from './helper-task.ts'

/** How this worker could be made again as a helper. */
export interface SelfInfo {
  /** The container that this worker runs in. */
  container: string
  /** Whether the engine is reached over the network, so that a helper needs one too. */
  engineByNetwork: boolean
  /** `NAME=value` of the settings that a helper needs; no secret among them. */
  env: string[]
}

/**
 * Lets a container of this worker's own image do the job. A process that runs `up` for the stack that it is part of would be stopped half
 * way, with every service of the stack down; the helper belongs to no stack. Its result is in its log, so it needs neither Redis nor this worker to outlive it.
 */
export async function startHelper(engine: Engine, self: SelfInfo, jobId: string, task: HelperTask, signal: AbortSignal): Promise<void> {
  const spec = await engine.spec(self.container, signal)
  const networks = self.engineByNetwork ? spec.networks : []
  const env = [...self.env, `${TASK_VARIABLE}=${JSON.stringify(task)}`]
  const labels = { 'deployer.stack': task.stack }
  await engine.startHelper({ name: helperName(jobId), spec: { ...spec, networks }, command: ['helper'], env, labels }, signal)
}

/**
 * Waits for a job's helper, started by this worker or by one before it, and takes its result.
 *
 * @returns `null` when there is no helper, or it died before it had a result; it is removed then.
 * @throws The signal's reason when it is aborted; the helper goes on.
 */
export async function awaitHelper(engine: Engine, jobId: string, signal: AbortSignal): Promise<RunReport | null> {
  const helper = await engine.findHelper(helperName(jobId), signal)
  if (!helper) return null
  try {
    if (helper.running) await engine.waitFor(helper.id, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
  const result = parseResult(await engine.lastLogLines(helper.id, 500, signal))
  if (!result) await engine.removeContainer(helper.id, signal)
  return result
}

/** Removes a helper whose result is safe. */
export async function removeHelper(engine: Engine, jobId: string, signal: AbortSignal): Promise<void> {
  const helper = await engine.findHelper(helperName(jobId), signal)
  if (helper) await engine.removeContainer(helper.id, signal)
}
