import type { Engine } from '../ports.ts'

/** How this worker could be made again as a helper. */
export interface SelfInfo {
  /** The container that this worker runs in. */
  container: string
  /** `NAME=value` of the settings that a helper needs; no secret among them. */
  env: string[]
}

/** The variable that names the helper's stack, and the one that names its container. */
export const STACK_VARIABLE = 'DEPLOYER_HELPER_STACK'
export const NAME_VARIABLE = 'DEPLOYER_HELPER_NAME'

/**
 * Lets a container of this worker's own image finish what is open in a stack's journal. A process that runs `up` for the stack that it is part of
 * would be stopped half way, with every service of the stack down; the helper belongs to no stack. It shares this worker's DATA_DIR and needs
 * neither Redis nor this worker to outlive it. The engine starts it again when it dies, and when the engine itself was started again.
 *
 * There are two of it: one waits for the stack's lock while the other works. Whoever removes a single one at the wrong moment would leave a stack without
 * its worker, and nobody to mend it.
 */
export async function startHelper(engine: Engine, self: SelfInfo, jobId: string, stack: string, signal: AbortSignal): Promise<void> {
  const spec = await engine.spec(self.container, signal)
  for (const name of [helperName(jobId), `${helperName(jobId)}-second`]) {
    const env = [...self.env, `${STACK_VARIABLE}=${stack}`, `${NAME_VARIABLE}=${name}`]
    await engine.startHelper({ name, spec, command: ['helper'], env, labels: { 'deployer.stack': stack } }, signal)
  }
}

/** Waits until a job's first helper has ended, or is gone. @throws The signal's reason when it is aborted; the helper goes on. */
export async function awaitHelper(engine: Engine, jobId: string, signal: AbortSignal): Promise<void> {
  const helper = await engine.findHelper(helperName(jobId), signal)
  if (!helper?.running) return
  try {
    await engine.waitFor(helper.id, signal)
  } catch {
    // It has removed itself, or the engine went away: the journal tells how far it came.
    signal.throwIfAborted()
  }
}

function helperName(jobId: string): string {
  return `deployer-helper-${jobId}`
}
