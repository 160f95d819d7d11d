import type { Tools } from '../converge/tools.ts'
import type { Journal } from '../journal/journal.ts'
import { compare, isRunning } from '../release/compare.ts'
import { findProjectFiles } from '../stacks/project-files.ts'
import { config } from '../steps/config.ts'
import { ownProject } from '../steps/refuse.ts'
import { status } from '../steps/status.ts'
import type { StepContext } from '../steps/step.ts'
import { draftOf } from './fix-target.ts'
import { withHashes } from './hashes.ts'
import { createMadeFromFiles } from './made-from-files.ts'
import { createImageLookup } from './resolve-images.ts'
import { switchedOff } from './survey.ts'
import { whatRuns } from './what-runs.ts'

/**
 * Keeps what runs as a release, where it is not known yet and its definitions are those of the stack's files: when these change later, nobody
 * else knows what to go back to.
 *
 * @returns Whether something was kept.
 */
export async function capture(tools: Tools, journal: Journal): Promise<boolean> {
  if (journal.file.open || journal.file.unproven) return false
  const { engine, paths, clock, limits } = tools
  const context: StepContext = { signal: clock.timeout(limits.configTimeout * 1000), log: () => undefined }
  const { observed } = await status(engine, paths, context)
  const project = ownProject(paths, observed.own)
  let own = observed.own.filter((container) => container.project === project)
  if (project === null || !own.some(isRunning)) return false
  // Somebody is in the middle of an `up`: what is stopped now is being replaced.
  if (own.some(({ state }) => state === 'created')) return false
  const current = journal.current()
  if (current && Object.values(compare(current, own)).every(({ action }) => ['keep', 'start', 'stop'].includes(action))) return false
  const files = findProjectFiles(paths, own, current)
  const { resolved } = await config(tools, project, files, context)
  if (!resolved) return false
  const off = await switchedOff(tools, resolved.definition, files, own)
  own = own.filter(({ service }) => !off.has(service))
  const known = await withHashes(tools, draftOf(tools, resolved, files), current, context.signal)
  const before = await whatRuns(
    own,
    current ? [current, known] : [known],
    createImageLookup(engine, context.signal),
    createMadeFromFiles(tools, known, context.signal),
  )
  if (before.lost.length > 0) return false
  const kept = journal.save(
    { ...before, at: clock.timestamp(), jobId: null, by: null },
    !observed.broken.some(({ project: other }) => other === project),
  )
  journal.observe(kept.number)
  return true
}
