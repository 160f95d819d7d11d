import type { Change } from '@deployer/shared/job'
import type { Tools } from '../converge/tools.ts'
import type { BareChange } from '../release/changes.ts'

/** Milliseconds in which the engine tells what it knows of the images: nothing depends on it. */
const PATIENCE = 5000
export const VERSION = 'org.opencontainers.image.version'
export const SOURCE = 'org.opencontainers.image.source'

/** Adds what the images say of themselves by their labels, as far as they are still here. */
export async function withVersions({ engine, clock }: Pick<Tools, 'engine' | 'clock'>, changes: BareChange[]): Promise<Change[]> {
  const signal = clock.timeout(PATIENCE)
  const ids = new Set(changes.flatMap(({ from, to }) => [from, to].filter((id) => id !== null)))
  const labels = new Map<string | null, Record<string, string>>()
  for (const id of ids) labels.set(id, (await engine.image(id, signal).catch(() => null))?.labels ?? {})
  const label = (id: string | null, name: string) => labels.get(id)?.[name]?.trim() || null
  return changes.map((change) => {
    const { from, to } = change
    return { ...change, from_version: label(from, VERSION), to_version: label(to, VERSION), source: label(to, SOURCE) }
  })
}
