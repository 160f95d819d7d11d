import type { HostedStack } from '../inventory-cache.ts'
import { matchesGlob } from '../keys/glob.ts'
import { imageRepository, spellings, type ImageRepository } from './image-repository.ts'
import type { Hint } from './read-hints.ts'

/** A service whose image is in a repository that a hook has named. */
interface Match {
  host: string
  stack: string
  service: string
  /** As the service names it. */
  image: string
}

/**
 * The services that a hook's hints are about.
 *
 * @param globs Narrow the repositories that count; `undefined`: all.
 */
export function matchServices(
  hints: Hint[],
  stacks: Pick<HostedStack, 'name' | 'host' | 'images'>[],
  globs: string[] | undefined,
): Match[] {
  const services = stacks.flatMap(({ name, host, images }) =>
    Object.entries(images).map(([service, image]) => ({ host, stack: name, service, image, repository: imageRepository(image) })),
  )
  const counting = services.filter(
    ({ repository }) => globs === undefined || spellings(repository).some((spelling) => globs.some((glob) => matchesGlob(glob, spelling))),
  )
  const found = new Set<(typeof counting)[number]>()
  for (const hint of hints) {
    const inRepository = counting.filter(({ repository }) => isIn(repository, hint))
    const exact = inRepository.filter(({ repository }) => hint.host === null || repository.host === hint.host)
    for (const one of exact.length === 0 && hint.hostMayDiffer ? inRepository : exact) found.add(one)
  }
  return [...found].map(({ host, stack, service, image }) => ({ host, stack, service, image }))
}

function isIn({ path }: ImageRepository, hint: Hint): boolean {
  return path === hint.path || (hint.below === true && path.startsWith(`${hint.path}/`))
}
