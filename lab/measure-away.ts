import { setTimeout as delay } from 'node:timers/promises'
import type { LabStack } from './world.ts'

/** @returns Milliseconds for which a stack does not answer, until the signal is aborted. */
export async function measureAway(stack: LabStack, signal: AbortSignal): Promise<number> {
  let away = 0
  for (let last = performance.now(); !signal.aborted; await delay(5)) {
    const served = await stack.page().then(
      () => true,
      () => false,
    )
    const now = performance.now()
    if (!served) away += now - last
    last = now
  }
  return away
}
