import { repository } from '../converge/name-images.ts'
import type { Engine } from '../ports.ts'
import { familiar } from '../stacks/split-reference.ts'

/** What an image is called by its registry. @param digests `name@sha256:…`. */
export function digestOf(reference: string, digests: string[]): string | null {
  const pinned = reference.split('@')[1]
  if (pinned !== undefined) return pinned
  const name = familiar(repository(reference))
  const found = digests.find((digest) => familiar(repository(digest)) === name)
  return found?.split('@')[1] ?? null
}

/** The digests alone. @param names `name@sha256:…`. */
export function bareDigests(names: string[]): string[] {
  return names.flatMap((name) => name.split('@')[1] ?? [])
}

/** Looks images up, each once. */
export function createImageLookup(engine: Engine, signal: AbortSignal) {
  const known = new Map<string, ReturnType<Engine['image']>>()
  return (reference: string) => {
    const found = known.get(reference) ?? engine.image(reference, signal)
    known.set(reference, found)
    return found
  }
}
