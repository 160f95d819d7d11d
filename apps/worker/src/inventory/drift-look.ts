import { statSync } from 'node:fs'
import { join } from 'node:path'
import { createFileStore, journalFolder } from '../journal/file-store.ts'
import { peekCurrent, peekJournal } from '../journal/journal-file.ts'
import type { Container } from '../ports.ts'
import { driftedFiles } from '../release/drift.ts'
import type { Release } from '../release/release.ts'
import { readContents } from '../stacks/contents.ts'
import type { StacksRoot } from '../stacks/locate-stack.ts'

/** Milliseconds between two looks at one stack. */
const LOOK_AGAIN = 3000

/** Tells which of its files a stack has drifted from. @param own The stack's containers. */
export type DriftLook = (stack: string, own: Container[]) => string[]

/** What a stack was made to run, as far as it is needed here. */
type Made = Pick<Release, 'project' | 'projectDir' | 'files' | 'envFiles' | 'contents' | 'services'>

/** What is remembered of a stack. */
interface Seen {
  lookedAt: number
  /** What the last look has found, and what is told of it. */
  found: string[]
  told: string[]
  journalMark: string
  /** `null` where it is not known, or being changed. */
  made: Made | null
  filesMark: string
  lookedFor: string[]
  contents: Record<string, string>
}

/**
 * Between changes a look costs the times of a few files: nothing is read, and no process is started.
 *
 * @param isChanging Whether a job that changes it is at work on a stack here; others show in its journal once they have begun to.
 * @param now A clock that only goes on, in milliseconds.
 */
export function createDriftLook(
  root: StacksRoot,
  dataDir: string,
  isChanging: (stack: string) => boolean,
  now: () => number = () => performance.now(),
): DriftLook {
  const seen = new Map<string, Seen>()
  return (stack, own) => {
    const one = seen.get(stack) ?? { lookedAt: -LOOK_AGAIN, found: [], told: [], ...nothingRead() }
    seen.set(stack, one)
    if (now() - one.lookedAt < LOOK_AGAIN) return one.told
    one.lookedAt = now()
    readMade(one, stack, dataDir)
    readFiles(one, stack, root)
    const found = one.made && !isChanging(stack) ? driftedFiles(one.made, one.contents, own) : []
    // Told when it has lasted: somebody may be about to deploy what was written, or to finish an `up`, which is then kept as a release.
    one.told = one.found.length > 0 ? found : []
    one.found = found
    return one.told
  }
}

function nothingRead(): Omit<Seen, 'lookedAt' | 'found' | 'told'> {
  return { journalMark: '', made: null, filesMark: '', lookedFor: [], contents: {} }
}

function readMade(one: Seen, stack: string, dataDir: string): void {
  const folder = journalFolder(dataDir, stack)
  // Each write to a journal renames a file in its folder.
  const mark = markOf(folder)
  if (mark === one.journalMark) return
  const store = createFileStore(folder)
  const file = peekJournal(store)
  const release = file?.open ? null : peekCurrent(store, file)
  Object.assign(one, nothingRead(), { journalMark: mark })
  if (!release?.contents) return
  const { project, projectDir, files, envFiles, contents, services } = release
  one.made = { project, projectDir, files, envFiles, contents, services }
}

function readFiles(one: Seen, stack: string, root: StacksRoot): void {
  if (!one.made) return
  const dir = join(root.here, stack)
  // The time of a folder changes with the names in it.
  const mark = [dir, ...one.lookedFor].map(markOf).join('\n')
  if (mark === one.filesMark) return
  const { contents, lookedFor } = readContents({ name: stack, dir, workingDir: join(root.onHost, stack) }, one.made)
  // Times that were taken before the files were read, or none: what changes meanwhile is seen the next time.
  one.filesMark = lookedFor.join() === one.lookedFor.join() ? mark : ''
  one.contents = contents
  one.lookedFor = lookedFor
}

function markOf(path: string): string {
  try {
    const stats = statSync(path, { throwIfNoEntry: false })
    return stats ? `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}` : ''
  } catch {
    return ''
  }
}
