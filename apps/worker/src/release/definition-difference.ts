import type { ComposeModel } from './release.ts'

/** More than this nobody reads. */
const MOST = 40
/** Told by themselves. */
const ELSEWHERE = new Set(['image'])

/**
 * Where two definitions differ, by the names of what differs: `web: environment.LEVEL`, `networks.front`. Values are not told: each may hold what the
 * stack's `.env` holds. Services that only one of them has are told elsewhere too.
 */
export function definitionDifference(before: ComposeModel, after: ComposeModel): string[] {
  const found: string[] = []
  for (const service of union(before.services, after.services)) {
    const [one, other] = [before.services[service], after.services[service]]
    if (!one || !other) continue
    found.push(...differing(one, other).flatMap((path) => (ELSEWHERE.has(path) ? [] : [`${service}: ${path}`])))
  }
  const { services: _, ...rest } = before
  const { services: __, ...otherRest } = after
  found.push(...differing(rest, otherRest))
  return found.slice(0, MOST)
}

/** The paths of what differs: two levels deep, where both are objects. */
function differing(one: Record<string, unknown>, other: Record<string, unknown>, depth = 2): string[] {
  return union(one, other).flatMap((name) => {
    const [a, b] = [one[name], other[name]]
    if (text(a) === text(b)) return []
    if (depth === 1 || !isObject(a) || !isObject(b)) return [name]
    return differing(a, b, depth - 1).map((path) => `${name}.${path}`)
  })
}

function union(one: object, other: object): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].sort()
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The same for values that say the same. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    isObject(member) ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1))) : member,
  )
}
