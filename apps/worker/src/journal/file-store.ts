import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JournalStore } from './journal-file.ts'

/** The folder of a stack's journal. @param dataDir DATA_DIR. */
export function journalFolder(dataDir: string, stack: string): string {
  return join(dataDir, 'releases', stack)
}

/** The stacks that have a journal. */
export function stacksWithJournal(dataDir: string): string[] {
  try {
    return readdirSync(join(dataDir, 'releases'))
  } catch {
    return []
  }
}

/** Keeps a journal in a folder that only its owner can read, since releases hold what the stack's `.env` holds. */
export function createFileStore(folder: string): JournalStore {
  const path = (name: string) => join(folder, name)
  return {
    read(name) {
      try {
        return readFileSync(path(name), 'utf8')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
        throw error
      }
    },
    write(name, text) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const draft = path(`${name}.draft`)
      const file = openSync(draft, 'w', 0o600)
      try {
        writeFileSync(file, text)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(draft, path(name))
      // The new name is on the disk only when the folder is.
      const dir = openSync(folder, 'r')
      try {
        fsyncSync(dir)
      } finally {
        closeSync(dir)
      }
    },
    remove(name) {
      rmSync(path(name), { force: true })
    },
    setAside(name) {
      renameSync(path(name), path(`${name}.damaged-${Date.now()}`))
    },
    names() {
      try {
        return readdirSync(folder)
      } catch {
        return []
      }
    },
  }
}
