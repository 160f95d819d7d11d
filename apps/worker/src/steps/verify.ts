import type { Container, ContainerHealth, Engine } from '../ports.ts'
import type { StepContext, StepEnd } from './step.ts'

/** A service without a health check has to run this long without a restart, in milliseconds. */
const STEADY = 3000
/** Looks again at least this often, since an event can be missed. */
const LOOK_AGAIN = 2000

/** How a container does: decided one way or the other, or to be looked at again after `wait` ms. */
type Verdict = { ok: true; says: string } | { ok: false; says: string } | { ok: null; wait: number; says: string }

/** A step's end, and which container was at fault. */
export type VerifyEnd = StepEnd & { failed: { id: string; service: string; says: string } | null }

/**
 * Waits until each container is proven healthy, or one is proven not to be. Led by the engine's events.
 *
 * @param fresh Whether all of them were just made, so that every restart of theirs counts; otherwise those from now on do.
 *
 * `docker compose up --wait` is not used: it takes a one-shot that ended with 0 for a failure.
 */
export async function verify(
  engine: Engine,
  project: string,
  containers: Container[],
  fresh: boolean,
  context: StepContext,
): Promise<VerifyEnd> {
  const restarts = new Map<string, number>()
  const said = new Set<string>()
  let waiting = containers
  const stop = new AbortController()
  const signal = AbortSignal.any([context.signal, stop.signal])
  const bell = createBell()
  const watching = engine.watch(project, signal, bell.ring).catch(() => undefined)
  try {
    while (waiting.length > 0) {
      let pause = LOOK_AGAIN
      const undecided: Container[] = []
      const states = await Promise.all(waiting.map((container) => engine.inspect(container.id, signal)))
      for (const [index, container] of waiting.entries()) {
        const health = states[index] ?? null
        if (health && !restarts.has(container.id)) restarts.set(container.id, fresh ? 0 : health.restartCount)
        const verdict: Verdict = health ? judge(health, restarts.get(container.id) ?? 0, Date.now()) : { ok: false, says: 'gone' }
        const line = `${container.service} ${verdict.says}`
        if (!said.has(`${container.id} ${line}`)) context.log(line)
        said.add(`${container.id} ${line}`)
        if (verdict.ok === false) {
          return { ok: false, exitCode: null, failed: { id: container.id, service: container.service, says: verdict.says } }
        }
        if (verdict.ok === null) {
          pause = Math.min(pause, verdict.wait)
          undecided.push(container)
        }
      }
      waiting = undecided
      if (waiting.length > 0) await bell.wait(pause, context.signal)
    }
    return { ok: true, exitCode: 0, failed: null }
  } finally {
    stop.abort()
    await watching
  }
}

/**
 * Decides how a container does from what the engine says of it.
 *
 * @param restartsBefore Restarts that do not count.
 */
export function judge(health: ContainerHealth, restartsBefore: number, now: number): Verdict {
  if (health.status === 'exited' || health.status === 'dead') {
    if (health.exitCode === 0) return { ok: true, says: 'completed' }
    return { ok: false, says: `exited with ${health.exitCode}` }
  }
  if (health.restartCount > restartsBefore) return { ok: false, says: `restarts, last exit code ${health.exitCode}` }
  if (health.health === 'healthy') return { ok: true, says: 'healthy' }
  if (health.health === 'unhealthy') return { ok: false, says: 'unhealthy' }
  if (health.status !== 'running' || health.health === 'starting') return { ok: null, wait: LOOK_AGAIN, says: 'starting' }
  const left = health.startedAt + STEADY - now
  if (left <= 0) return { ok: true, says: 'running' }
  return { ok: null, wait: left, says: 'started' }
}

/** Something that can be waited for: rings when the engine has news. */
function createBell(): { ring: () => void; wait: (ms: number, signal: AbortSignal) => Promise<void> } {
  let wake: (() => void) | undefined
  let rung = false
  return {
    ring() {
      rung = true
      wake?.()
    },
    async wait(ms, signal) {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
          signal.addEventListener('abort', wake, { once: true })
        })
      }
      rung = false
      wake = undefined
      signal.throwIfAborted()
    },
  }
}
