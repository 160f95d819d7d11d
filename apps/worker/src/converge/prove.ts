import { EngineAway, type Container, type ContainerEvent, type ContainerHealth } from '../ports.ts'
import type { Release } from '../release/release.ts'
import type { StepContext, StepEnd } from '../steps/step.ts'
import { createBell } from './bell.ts'
import { judge, type Seen, type Verdict } from './judge.ts'
import { steadyMilliseconds } from './patience.ts'
import type { Tools } from './tools.ts'

/** Looks again at least this often, in milliseconds, since an event can be missed. */
const LOOK_AGAIN = 2000
/** Log lines of a failed service that go into the tail. */
const LOG_LINES = 20

/**
 * Waits until each container is proven well, or one is proven not to be. Led by the engine's events.
 *
 * `docker compose up --wait` is not used: it takes a one-shot that ended with 0 for a failure.
 *
 * @param fresh Those that were just made, whose every restart counts; of the others those from now on do.
 */
export async function prove(
  tools: Tools,
  release: Release,
  containers: Container[],
  fresh: ReadonlySet<string>,
  context: StepContext,
): Promise<StepEnd> {
  if (containers.length === 0) return { how: 'proved' }
  const { engine, clock } = tools
  const seen = new Map<string, Seen>()
  const lastCode = new Map<string, number>()
  const said = new Set<string>()
  const over = new AbortController()
  const signal = AbortSignal.any([context.signal, over.signal])
  const bell = createBell(clock)
  let away: EngineAway | undefined
  const watching = keepWatching(tools, release.project, signal, {
    event(event) {
      if (event?.action === 'die' && event.exitCode !== null) lastCode.set(event.id, event.exitCode)
      bell.ring()
    },
    away(error) {
      away = error
      bell.ring()
    },
  })

  const look = (container: Container, health: ContainerHealth | null): Verdict => {
    if (!health) return { ok: false, says: 'is gone' }
    const now = clock.now()
    const known = seen.get(container.id)
    if (known?.startedAt !== health.startedAt) {
      seen.set(container.id, {
        startedAt: health.startedAt,
        since: now,
        restarts: known?.restarts ?? (fresh.has(container.id) ? 0 : health.restartCount),
      })
    }
    const service = release.services[container.service]
    return judge(
      { ...health, exitCode: lastCode.get(container.id) ?? health.exitCode },
      seen.get(container.id) ?? { startedAt: '', since: now, restarts: 0 },
      {
        now,
        mayEnd: service?.mayEnd ?? true,
        steady: steadyMilliseconds(release.definition.services[container.service], tools.limits.steadyTime),
      },
    )
  }

  try {
    let last = false
    for (let waiting = containers; waiting.length > 0;) {
      let pause = LOOK_AGAIN
      const undecided: Container[] = []
      const states = await Promise.all(waiting.map(({ id }) => engine.inspect(id, signal)))
      for (const [index, container] of waiting.entries()) {
        const verdict = look(container, states[index] ?? null)
        const line = `${container.service} ${verdict.says}`
        if (!said.has(`${container.id} ${line}`)) context.log(line)
        said.add(`${container.id} ${line}`)
        if (verdict.ok === false) {
          // What an engine that restarts does to containers says nothing of them.
          if (away) return { how: 'engine_away', cause: away.message }
          await logLastLines(tools, container, context)
          return { how: 'disproved', says: line }
        }
        if (verdict.ok === null) {
          pause = Math.min(pause, verdict.wait)
          undecided.push(container)
        }
      }
      waiting = undecided
      if (waiting.length > 0) {
        last = false
        await bell.wait(pause, context.signal)
      } else if (!last) {
        // What was well at first may have ended while others were waited for.
        last = true
        waiting = containers
      }
    }
    return { how: 'proved' }
  } finally {
    over.abort()
    await watching
  }
}

/** Watches until the signal is aborted, also over an engine that goes and comes back. */
async function keepWatching(
  { engine }: Tools,
  project: string,
  signal: AbortSignal,
  tell: { event: (event: ContainerEvent | null) => void; away: (error: EngineAway) => void },
): Promise<void> {
  while (!signal.aborted) {
    try {
      await engine.watch(project, signal, tell.event)
    } catch (error) {
      if (!(error instanceof EngineAway)) throw error
      tell.away(error)
      await engine.ping(signal).catch(() => undefined)
    }
  }
}

/** Adds what a container said last to the step's tail. */
export async function logLastLines({ engine }: Tools, { id, service }: Container, context: StepContext): Promise<void> {
  const text = await engine.lastLogLines(id, LOG_LINES, context.signal).catch(() => '')
  for (const line of text.trimEnd().split('\n')) if (line) context.log(`${service} | ${line}`)
}
