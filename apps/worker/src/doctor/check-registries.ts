import type { Finding } from '@deployer/shared/finding'
import { createRedact } from '@deployer/shared/redact'
import { NoAnswer, type Clock } from '../ports.ts'
import { registryOf } from '../stacks/registry-login.ts'
import { questionsOf } from '../watch/ask-for-looks.ts'
import { askRegistries, type AskRegistry, type Question } from '../watch/ask-registries.ts'
import type { StackLook } from '../watch/look-at-stacks.ts'
import { explainNoAnswer, NOT_ASKED } from './explain-no-answer.ts'

/** Milliseconds that all questions together may take. */
const AT_MOST = 45_000

/** What asking works with. */
export interface RegistryTools {
  ask: AskRegistry
  clock: Clock
  /** The registries that want to be left alone, and until when. */
  pauses: Record<string, string>
  /** A stack's folder as the host calls it. */
  folderOf: (stack: string) => string
}

/** Asks the registries of what is watched as a check does, and says of which names they told nothing. Remembers nothing. */
export async function checkRegistries(looks: StackLook[], tools: RegistryTools, say: (finding: Finding) => void): Promise<void> {
  const { ask, clock, pauses } = tools
  const questions = await questionsOf(looks)
  if (questions.length === 0) return
  const over = clock.timeout(AT_MOST)
  const inTime: AskRegistry = async (image, login, signal) => {
    // A status, so that it does not count as a registry's silence.
    if (over.aborted) throw new NoAnswer(NOT_ASKED, 408)
    return ask(image, login, AbortSignal.any([signal, over]))
  }
  const answers = await askRegistries(questions, inTime, clock, { pauses: { ...pauses }, refusals: {} }, new AbortController().signal)
  const told = [...answers.values()].filter((answer) => 'digest' in answer).length
  if (told > 0) say({ level: 'ok', what: `Registries answer for ${told} of ${questions.length} watched images`, todo: '' })
  for (const question of questions) {
    const answer = answers.get(question.image)
    if (answer && 'problem' in answer) say(describe(question, answer.problem, looks, tools))
  }
}

function describe({ image, logins }: Question, problem: string, looks: StackLook[], { folderOf }: RegistryTools): Finding {
  const having = looks.filter(({ sightings }) => sightings.some((one) => one.image === image))
  const owners = having.flatMap(({ stack, sightings }) =>
    sightings.flatMap((one) => (one.image === image ? [`${stack}/${one.service}`] : [])),
  )
  const about = { registry: registryOf(image), dir: folderOf(having[0]?.stack ?? ''), hasLogin: logins.some((login) => login !== null) }
  const { level, why, todo } = explainNoAnswer(problem, about)
  const redact = createRedact(logins.flatMap((login) => [login?.password ?? '', login?.identitytoken ?? '']))
  const words = problem.startsWith(NOT_ASKED) ? '' : `: ${redact(problem).trim().replaceAll(/\s+/g, ' ').replace(/\.$/, '')}`
  return { level, what: `No new image of ${image} (${owners.join(', ')}) is seen, since ${why}${words}`, todo }
}
