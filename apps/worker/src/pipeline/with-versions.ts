import type { Change } from '@deployer/shared/job'
import type { Tools } from '../converge/tools.ts'
import type { BareChange } from '../release/changes.ts'

/** Milliseconds in which the engine tells what it knows of the images: nothing depends on it. */
const PATIENCE = 5000
const VERSION = 'org.opencontainers.image.version'
const SOURCE = 'org.opencontainers.image.source'

/** Adds what the images say of themselves by their labels, as far as they are still here. */
export async function withVersions({ engine, clock }: Pick<Tools, 'engine' | 'clock'>, changes: BareChange[]): Promise<Change[]> {
  const signal = clock.timeout(PATIENCE)
  const label = async (id: string | null, name: string) => {
    if (id === null) return null
    const image = await engine.image(id, signal).catch(() => null)
    return image?.labels[name]?.trim() || null
  }
  return Promise.all(
    changes.map(async (change) => {
      const [from_version, to_version, source] = await Promise.all([
        label(change.from, VERSION),
        label(change.to, VERSION),
        label(change.to, SOURCE),
      ])
      return { ...change, from_version, to_version, source }
    }),
  )
}
