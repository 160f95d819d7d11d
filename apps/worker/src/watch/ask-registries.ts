import { NoAnswer, type Clock } from '../ports.ts'
import { createSlots } from '../queue/slots.ts'
import { registryOf, type RegistryLogin } from '../stacks/registry-login.ts'

/** At most so many questions at once. */
const AT_ONCE = 4
/** Milliseconds that one may take, */
const PATIENCE = 30_000
/** and between two to the same registry. */
const SPREAD = 50
/** Milliseconds that a registry is left alone which says "too many" and not for how long. */
const PAUSE = 15 * 60_000
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

/** When registries may be asked again that have said "too many": RFC 3339, by registry. */
type Pauses = Record<string, string>

/**
 * Asks for each name once: few at a time, in no order, not all at once, and no registry that wants to be left alone.
 *
 * @param pauses Added to where a registry says so.
 */
export async function askRegistries(
  questions: Question[],
  ask: AskRegistry,
  clock: Clock,
  pauses: Pauses,
  signal: AbortSignal,
): Promise<Map<string, Answer>> {
  const slots = createSlots(AT_ONCE)
  const answers = new Map<string, Answer>()
  const inVain = new Map<string, number>()
  const free = new Map<string, number>()

  async function answer({ image, logins }: Question): Promise<Answer> {
    const registry = registryOf(image)
    const until = pauses[registry]
    if (until !== undefined && Date.parse(until) > Date.parse(clock.timestamp()))
      return nothing(`${registry} wants to be left alone until ${until}`)
    if ((inVain.get(registry) ?? 0) >= IN_VAIN) return nothing(`${registry} does not answer`)
    let last: unknown = null
    for (const login of logins) {
      try {
        const digest = await ask(image, login, AbortSignal.any([signal, clock.timeout(PATIENCE)]))
        inVain.delete(registry)
        return { digest }
      } catch (error) {
        signal.throwIfAborted()
        last = error
        if (!(error instanceof NoAnswer && error.isMissing)) break
      }
    }
    const error = last instanceof NoAnswer ? last : new NoAnswer(last instanceof Error ? last.message : String(last))
    if (error.status === 429) {
      const pause = error.retryAfter === null ? PAUSE : Math.max(0, error.retryAfter * 1000)
      pauses[registry] = new Date(Date.parse(clock.timestamp()) + pause).toISOString()
    }
    if (error.status === null || error.status >= 500) inVain.set(registry, (inVain.get(registry) ?? 0) + 1)
    return { problem: error.message, isMissing: error.isMissing }
  }

  async function inTurn(question: Question): Promise<void> {
    const giveBack = await slots.take(signal)
    try {
      const registry = registryOf(question.image)
      const wait = (free.get(registry) ?? 0) - clock.now()
      free.set(registry, Math.max(clock.now(), free.get(registry) ?? 0) + SPREAD)
      if (wait > 0) await clock.wait(wait, signal)
      answers.set(question.image, await answer(question))
    } finally {
      giveBack()
    }
  }

  const shuffled = questions.map((question) => ({ question, order: Math.random() })).sort((a, b) => a.order - b.order)
  await Promise.all(shuffled.map(({ question }) => inTurn(question)))
  return answers
}

function nothing(problem: string): Answer {
  return { problem, isMissing: false }
}
