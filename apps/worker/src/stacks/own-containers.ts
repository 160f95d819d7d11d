import { realpathSync } from 'node:fs'
import { relative } from 'node:path'
import type { Container, StackPaths } from '../ports.ts'
import { foundFiles } from './found-files.ts'

/**
 * Whether a container is one of a stack's: it was started from the stack's folder, or from a folder within where the stack's files lie. A project
 * with files of its own in a folder within is another one.
 */
export function isOwn({ workingDir }: Pick<Container, 'workingDir'>, paths: StackPaths): boolean {
  if (workingDir === '') return false
  const [from, folder] = [real(workingDir), real(paths.workingDir)]
  if (workingDir === paths.workingDir || from === folder) return true
  if (!isWithin(workingDir, paths.workingDir) && !isWithin(from, folder)) return false
  return foundFiles(paths).every((file) => isWithin(file, workingDir) || isWithin(real(file), from))
}

/** Whether a path is a folder or leads into it. */
export function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way === '' || (way !== '..' && !way.startsWith('../') && !way.startsWith('/'))
}

/** What a path leads to; itself where that cannot be told. */
function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
