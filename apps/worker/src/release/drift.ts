import type { Container } from '../ports.ts'
import { isRunning } from './compare.ts'
import type { Release } from './release.ts'

/**
 * The files of a stack that what runs is not made from as they are now: they have changed since, or somebody has changed by hand what runs. Empty
 * where nothing runs, and where it is not known what the release was made from.
 *
 * @param contents What the files say now.
 */
export function driftedFiles(
  release: Pick<Release, 'project' | 'contents' | 'services'>,
  contents: Record<string, string>,
  observed: Container[],
): string[] {
  const own = observed.filter(({ project }) => project === release.project)
  if (release.contents === undefined || !own.some(isRunning)) return []
  const names = new Set([...Object.keys(release.contents), ...Object.keys(contents)])
  const changed = [...names].filter((name) => release.contents?.[name] !== contents[name])
  return (changed.length > 0 || isAsMade(release, own) ? changed : Object.keys(contents)).sort()
}

/** Whether the containers are those that the release's definitions give. What somebody is replacing just now is not judged. */
function isAsMade({ services }: Pick<Release, 'services'>, own: Container[]): boolean {
  if (own.some(({ state, replaces }) => state === 'created' || replaces !== null)) return true
  return Object.entries(services).every(([name, { hashes, count, stopped, mayEnd }]) => {
    const containers = own.filter(({ service }) => service === name)
    if (stopped || (mayEnd && containers.length === 0)) return true
    return containers.length === count && containers.every(({ configHash }) => hashes?.includes(configHash) !== false)
  })
}
