import { EngineAway, type CommandResult, type ContainerHealth } from '../ports.ts'
import type { Release } from '../release/release.ts'
import type { StepContext, StepEnd } from '../steps/step.ts'
import { createBell } from './bell.ts'
import type { Tools } from './tools.ts'

/** A service that was restarted so often, and for so many times its steady time, will not come to be what others wait for. */
const MOST_RESTARTS = 5
const PATIENCE = 3

/** Looks again at least this often, in milliseconds, since an event can be missed. */
const LOOK_AGAIN = 2000

/**
 * Runs `up`, and ends it where it waits in vain: compose waits for a service that others depend on as long as that one restarts over and over,
 * with those others down.
 *
 * @param up Runs compose; the signal ends it.
 */
export async function watchUp(
  tools: Tools,
  release: Release,
  context: StepContext,
  up: (signal: AbortSignal) => Promise<CommandResult>,
): Promise<StepEnd> {
  const over = new AbortController()
  const stop = new AbortController()
  const signal = AbortSignal.any([context.signal, over.signal])
  const bell = createBell(tools.clock)
  let away: EngineAway | undefined
  const watching = tools.engine.watch(release.project, signal, bell.ring).catch((error: unknown) => {
    if (error instanceof EngineAway) away = error
    else throw error
  })
  let vain: string | null = null
  const looking = lookForLoops(tools, release, signal, bell.wait).then((says) => {
    if (says === null) return
    vain = says
    stop.abort(new Error(says))
  })
  try {
    const { exitCode } = await up(AbortSignal.any([context.signal, stop.signal]))
    if (exitCode === 0) return { how: 'exited', code: 0 }
    // Compose hears of an engine that ends before the stream of its events does.
    if (vain === null) await tools.engine.ping(context.signal)
    if (away) return { how: 'engine_away', cause: away.message }
    if (vain !== null) return { how: 'disproved', says: vain }
    if (exitCode === null) return { how: 'killed' }
    return { how: 'exited', code: exitCode }
  } finally {
    over.abort()
    await Promise.allSettled([watching, looking])
  }
}

/** Resolves with what is wrong when a service that others wait for restarts over and over; with `null` when the signal ends it. */
async function lookForLoops(
  { engine, clock, limits }: Tools,
  release: Release,
  signal: AbortSignal,
  wait: (milliseconds: number, signal: AbortSignal) => Promise<void>,
): Promise<string | null> {
  const waitedFor = new Set(
    Object.values(release.definition.services).flatMap(({ depends_on }) =>
      Object.entries(depends_on ?? {}).flatMap(([name, { condition }]) => (condition === 'service_started' ? [] : [name])),
    ),
  )
  if (waitedFor.size === 0) return null
  const seen = new Map<string, { restarts: number; since: number }>()
  const isLooping = ({ id, restartCount }: ContainerHealth) => {
    const first = seen.get(id) ?? { restarts: restartCount, since: clock.now() }
    seen.set(id, first)
    return restartCount - first.restarts >= MOST_RESTARTS && clock.now() - first.since >= PATIENCE * limits.steadyTime * 1000
  }
  try {
    for (;;) {
      await wait(LOOK_AGAIN, signal)
      const containers = (await engine.listContainers(signal, release.project)).filter(({ service }) => waitedFor.has(service))
      for (const { id, service } of containers) {
        const health = await engine.inspect(id, signal)
        if (health && isLooping(health)) return `${service}, which others wait for, restarts over and over`
      }
    }
  } catch {
    // The step is over; what is wrong with the engine shows elsewhere.
    return null
  }
}
