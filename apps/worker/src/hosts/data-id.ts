import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The id of a DATA_DIR, made when there is none: two workers that read the same one share the folder, by whatever path. */
export function dataId(dataDir: string): string {
  const file = join(dataDir, 'data-id')
  mkdirSync(dataDir, { recursive: true })
  const own = `${file}.${randomUUID()}`
  writeFileSync(own, randomUUID(), { mode: 0o600 })
  try {
    // Of two workers that start at once, one is first.
    linkSync(own, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(own)
  }
  return readFileSync(file, 'utf8')
}
