import { repository } from '../converge/name-images.ts'
import type { Engine } from '../ports.ts'

/** What an image is called by its registry. @param digests `name@sha256:…`. */
export function digestOf(reference: string, digests: string[]): string | null {
  const pinned = reference.split('@')[1]
  if (pinned !== undefined) return pinned
  const name = normalize(repository(reference))
  const found = digests.find((digest) => normalize(repository(digest)) === name)
  return found?.split('@')[1] ?? null
}

/** `nginx`, `library/nginx` and `docker.io/library/nginx` are one. */
function normalize(name: string): string {
  return name.replace(/^docker\.io\//, '').replace(/^library\//, '')
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
