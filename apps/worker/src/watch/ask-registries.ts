import { NoAnswer, type Clock } from '../ports.ts'
import { createSlots, type Slots } from '../queue/slots.ts'
import { registryOf, type RegistryLogin } from '../stacks/registry-login.ts'

/** At most so many questions at once, */
const AT_ONCE = 4
/** of which one is left to other registries: one that hangs holds up nobody else. */
const OF_ONE = AT_ONCE - 1
/** Milliseconds that one may take, */
const PATIENCE = 30_000
/** and between two to the same registry. */
const SPREAD = 50
/** Milliseconds that a registry is left alone which says "too many", or that it cannot now, and not for how long; twice as long each time, */
const FIRST_PAUSE: Record<number, number> = { 429: 15 * 60_000, 503: 60_000 }
/** and no longer than this. */
const LONGEST_PAUSE = 6 * 3_600_000
/** Questions to a registry that does not answer at all, before the rest of a round is not asked. */
const IN_VAIN = 3

/** An image's name, and the logins that the stacks have for it. */
export interface Question {
  image: string
  logins: (RegistryLogin | null)[]
}

/** What came of it. */
export type Answer = { digest: string } | { problem: string; isMissing: boolean }

/** Asks a registry for the digest that a name has now. @throws {NoAnswer} */
export type AskRegistry = (image: string, login: RegistryLogin | null, signal: AbortSignal) => Promise<string>

/** Registries that want to be left alone. */
export interface LeftAlone {
  /** When they may be asked again: RFC 3339, by registry. */
  pauses: Record<string, string>
  /** How often in a row they have said so, by registry. */
  refusals: Record<string, number>
}

/** Limits how many questions are open at once, in whichever rounds. */
export interface Turns {
  all: Slots
  ofRegistry: (registry: string) => Slots
}

/** @param ofOne So many at once to one registry. */
export function createTurns(ofOne = OF_ONE): Turns {
  const registries = new Map<string, Slots>()
  return {
    all: createSlots(AT_ONCE),
    ofRegistry(registry) {
      const slots = registries.get(registry) ?? createSlots(ofOne)
      registries.set(registry, slots)
      return slots
    },
  }
}

/**
 * Asks for each name once: few at a time, in no order, not all at once, and no registry that wants to be left alone.
 *
 * @param left Changed where a registry says so, and where one answers again.
 */
export async function askRegistries(
  questions: Question[],
  ask: AskRegistry,
  clock: Clock,
  left: LeftAlone,
  signal: AbortSignal,
  turns = createTurns(),
): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>()
  const inVain = new Map<string, number>()
  const free = new Map<string, number>()

  async function answer({ image, logins }: Question): Promise<Answer> {
    const registry = registryOf(image)
    const paused = pauseOf(registry)
    if (paused !== null) return nothing(`${registry} is left alone until ${paused}`)
    if ((inVain.get(registry) ?? 0) >= IN_VAIN) return nothing(`${registry} does not answer`)
    let last: unknown = null
    for (const login of logins) {
      try {
        const digest = await ask(image, login, AbortSignal.any([signal, clock.timeout(PATIENCE)]))
        inVain.delete(registry)
        delete left.refusals[registry]
        return { digest }
      } catch (error) {
        signal.throwIfAborted()
        last = error
        if (!(error instanceof NoAnswer && error.isMissing)) break
      }
    }
    const error = last instanceof NoAnswer ? last : new NoAnswer(last instanceof Error ? last.message : String(last))
    if (error.isMissing) delete left.refusals[registry]
    if (error.status === null || error.status >= 500) inVain.set(registry, (inVain.get(registry) ?? 0) + 1)
    const until = leaveAlone(registry, error)
    return { problem: until === null ? error.message : `${error.message}; it is left alone until ${until}`, isMissing: error.isMissing }
  }

  function pauseOf(registry: string): string | null {
    const until = left.pauses[registry]
    return until !== undefined && until > clock.timestamp() ? until : null
  }

  /** @returns Until when; `null` for a registry that does not want to be. */
  function leaveAlone(registry: string, { status, retryAfter }: NoAnswer): string | null {
    const first = FIRST_PAUSE[status ?? 0]
    if (first === undefined) return null
    const paused = pauseOf(registry)
    // What several say that were asked at once is said once.
    if (paused === null) left.refusals[registry] = (left.refusals[registry] ?? 0) + 1
    const own = Math.min(first * 2 ** ((left.refusals[registry] ?? 1) - 1), LONGEST_PAUSE)
    const pause = retryAfter === null ? own : Math.max(0, retryAfter * 1000)
    const until = new Date(Date.parse(clock.timestamp()) + pause).toISOString()
    return (left.pauses[registry] = paused !== null && paused > until ? paused : until)
  }

  async function inTurn(question: Question): Promise<void> {
    const registry = registryOf(question.image)
    const leave = await turns.ofRegistry(registry).take(signal)
    let giveBack: (() => void) | undefined
    try {
      giveBack = await turns.all.take(signal)
      const wait = (free.get(registry) ?? 0) - clock.now()
      free.set(registry, Math.max(clock.now(), free.get(registry) ?? 0) + SPREAD)
      if (wait > 0) await clock.wait(wait, signal)
      answers.set(question.image, await answer(question))
    } finally {
      giveBack?.()
      leave()
    }
  }

  const shuffled = questions.map((question) => ({ question, order: Math.random() })).sort((a, b) => a.order - b.order)
  await Promise.all(shuffled.map(({ question }) => inTurn(question)))
  return answers
}

function nothing(problem: string): Answer {
  return { problem, isMissing: false }
}
