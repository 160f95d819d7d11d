import { open } from 'node:fs/promises'
import { registryLogin, registryOf, type RegistryLogin } from '../stacks/registry-login.ts'
import { askRegistries, type Answer, type AskRegistry, type Question, type Turns } from './ask-registries.ts'
import type { StackLook } from './look-at-stacks.ts'
import type { KnownName, WatchFile, WatchMemory } from './memory.ts'
import { remember } from './seen.ts'
import type { Clock } from '../ports.ts'

/** Milliseconds after which a name that nobody asks for is forgotten. */
const FORGET = 90 * 86_400_000

/** What came of a round of questions. */
export interface Asked {
  /** The names that have no registry as of now. */
  local: string[]
  /** Questions that were answered, and that were not, by registry. */
  counts: Map<string, { answered: number; failed: number }>
}

/** Asks the registries of what was looked at, each name once, and remembers what they say. */
export async function askForLooks(
  { memory, clock, ask, turns }: { memory: WatchMemory; clock: Clock; ask: AskRegistry; turns?: Turns },
  looks: StackLook[],
  signal: AbortSignal,
): Promise<Asked> {
  const left = memory.read()
  const answers = await askRegistries(await questionsOf(looks), ask, clock, left, signal, turns)
  const now = clock.timestamp()
  const local = await memory.update((file) => {
    for (const registry of new Set([...answers.keys()].map(registryOf))) {
      const until = left.pauses[registry]
      if (until !== undefined && until > now) file.pauses[registry] = until
      else delete file.pauses[registry]
      const refusals = left.refusals[registry]
      if (refusals !== undefined) file.refusals[registry] = refusals
      else delete file.refusals[registry]
    }
    const fresh: string[] = []
    const names = new Set(looks.flatMap(({ sightings }) => sightings.map(({ image }) => image)))
    for (const image of names) {
      const former = file.names[image]
      const known = knownName(former, image, looks, answers.get(image), now)
      if (known.source === 'local' && former?.source !== 'local') fresh.push(image)
      file.names[image] = known
    }
    forget(file, Date.parse(now))
    return fresh
  })
  return { local, counts: countAnswers(answers) }
}

function countAnswers(answers: Map<string, Answer>): Asked['counts'] {
  const counts: Asked['counts'] = new Map()
  for (const [image, answer] of answers) {
    const registry = registryOf(image)
    const count = counts.get(registry) ?? { answered: 0, failed: 0 }
    count['digest' in answer ? 'answered' : 'failed']++
    counts.set(registry, count)
  }
  return counts
}

function knownName(former: KnownName | undefined, image: string, looks: StackLook[], answer: Answer | undefined, at: string): KnownName {
  const sightings = looks.flatMap((look) => look.sightings.filter((one) => one.image === image))
  const running = [...new Set(sightings.flatMap((one) => one.running))]
  const offered = answer && 'digest' in answer ? answer.digest : null
  const seen = remember(former?.seen ?? [], offered, running, at)
  if (offered !== null) return { seen, source: 'answered', problem: null, at }
  const problem = answer && 'problem' in answer ? answer.problem : null
  const isLocal = answer === undefined || ('isMissing' in answer && answer.isMissing && sightings.every((one) => one.running.length === 0))
  return { seen, source: isLocal ? 'local' : 'unknown', problem, at }
}

function forget({ names }: WatchFile, now: number): void {
  for (const [image, { at }] of Object.entries(names)) if (now - Date.parse(at) > FORGET) delete names[image]
}

/** Every name once, with the logins of the stacks that have it. What runs and came from no registry is not asked for. */
export async function questionsOf(looks: StackLook[]): Promise<Question[]> {
  const questions = new Map<string, (RegistryLogin | null)[]>()
  for (const { dir, sightings } of looks) {
    const images = sightings.flatMap(({ image, running, isBuilt }) => (isBuilt || running.length === 0 ? [] : [image]))
    for (const image of new Set(images)) {
      const login = await loginOf(dir, image)
      const logins = questions.get(image) ?? []
      if (!logins.some((one) => JSON.stringify(one) === JSON.stringify(login))) logins.push(login)
      questions.set(image, logins)
    }
  }
  // Who has a login sees what nobody else does.
  return [...questions].map(([image, logins]) => ({ image, logins: logins.toSorted((a, b) => Number(a === null) - Number(b === null)) }))
}

async function loginOf(dir: string, image: string): Promise<RegistryLogin | null> {
  const folder = await open(dir, 'r')
  try {
    return await registryLogin(dir, image, folder.fd)
  } catch {
    // A configuration that cannot be read is none: the registry says what it wants.
    return null
  } finally {
    await folder.close()
  }
}
