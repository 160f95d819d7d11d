import type { Container } from '../ports.ts'
import { isRunning } from '../release/compare.ts'
import { imageName, type Release, type ServiceRelease } from '../release/release.ts'
import type { MadeFromFiles } from './made-from-files.ts'
import { digestOf, type createImageLookup } from './resolve-images.ts'

/** A release that has no number yet, and must not be taken for one that has. */
export type Draft = Omit<Release, 'number'> & { number?: never }

/**
 * Puts together what runs, as a release: images and counts from the containers, definitions from wherever one is known that the container was
 * made from.
 *
 * @param candidates Where definitions may come from, the likeliest first; the last resort is the first of them.
 * @param madeFromFiles Asked of what no candidate's hash fits.
 */
export async function whatRuns(
  containers: Container[],
  candidates: [Draft | Release, ...(Draft | Release)[]],
  image: ReturnType<typeof createImageLookup>,
  madeFromFiles: MadeFromFiles | null,
): Promise<Draft> {
  const [likeliest] = candidates
  const services: Record<string, ServiceRelease> = {}
  const sources = new Map<string, Draft | Release>()
  const firsts = new Map<string, Container>()
  const lost: string[] = []
  for (const service of [...new Set(containers.map((container) => container.service))].sort()) {
    const own = containers.filter((container) => container.service === service)
    const [first] = own.filter(isRunning).concat(own)
    if (!first) continue
    const byHash = candidates.find((one) => isFrom(one, service, first))
    const known = byHash ?? (madeFromFiles && (await madeFromFiles(first)))
    if (!known) lost.push(service)
    const source = known ?? candidates.find(({ services }) => service in services)
    const definition = source?.definition.services[service]
    if (!source || !definition) continue
    sources.set(service, source)
    firsts.set(service, first)
    const name = imageName(source.project, service, definition)
    services[service] = {
      image: name,
      imageId: first.imageId,
      digest: digestOf(name, (await image(first.imageId))?.digests ?? []),
      hashes: known ? allHashes(source.services[service]?.hashes ?? null, first) : null,
      count: own.length,
      stopped: !own.some(isRunning) && own.some(({ state, exitCode }) => state === 'created' || (state === 'exited' && exitCode !== 0)),
      mayEnd: !own.some(isRunning),
    }
  }
  const base = [...sources.values()][0] ?? likeliest
  const { number: _, ...rest } = base
  const whole = Object.keys(base.definition.services).length === sources.size && [...sources.values()].every((one) => one === base)
  return {
    ...rest,
    jobId: null,
    by: null,
    definition: whole ? base.definition : mergeDefinitions(base, sources),
    environment: Object.assign({}, ...[...sources.values()].map(({ environment }) => environment)) as Record<string, string>,
    contents: contentsOf(candidates, sources, firsts, services, lost),
    lost,
    services,
  }
}

/**
 * What the files said that all of this was made from: those of the first candidate that is all of it. Where none is, and what the files say now is
 * among them, no files say it. One that may end by itself may also have been cleared away since.
 */
function contentsOf(
  candidates: (Draft | Release)[],
  sources: Map<string, Draft | Release>,
  firsts: Map<string, Container>,
  services: Record<string, ServiceRelease>,
  lost: string[],
): Release['contents'] {
  const kept = candidates.filter(({ number }) => number !== undefined)
  const mayBeGone = (service: string) => kept.some((one) => one.services[service]?.mayEnd)
  const isAll = (one: Draft | Release) =>
    [...firsts].every(([service, first]) => {
      const isSame = sources.get(service) === one || isFrom(one, service, first)
      return isSame && one.services[service]?.count === services[service]?.count
    }) && Object.entries(one.services).every(([service, { count }]) => firsts.has(service) || count === 0 || mayBeGone(service))
  const whole = lost.length === 0 && candidates.find(isAll)
  if (whole) return whole.contents
  return kept.length < candidates.length ? {} : undefined
}

/** Whether a container was made from a release's definition of its service. */
function isFrom(release: Draft | Release, service: string, container: Container): boolean {
  const own = release.services[service]
  return own !== undefined && (own.hashes === null || own.hashes.includes(container.configHash))
}

function allHashes(known: string[] | null, { configHash }: Container): string[] | null {
  return known && [...new Set([...known, configHash])]
}

/** Each service from its own source, with the networks, volumes, secrets and configs of all of these. */
function mergeDefinitions(base: Draft | Release, sources: Map<string, Draft | Release>): Draft['definition'] {
  const merged: Record<string, unknown> = { ...base.definition }
  const all = [...new Set(sources.values())]
  for (const part of ['networks', 'volumes', 'secrets', 'configs']) {
    const together = Object.assign({}, ...all.map(({ definition }) => definition[part]), base.definition[part]) as Record<string, unknown>
    if (Object.keys(together).length > 0) merged[part] = together
  }
  const services = Object.fromEntries([...sources].map(([service, { definition }]) => [service, definition.services[service]]))
  return { ...merged, services } as Draft['definition']
}
