import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command } from './command.ts'

/** The last commit of the release before: 0.1.0. */
const FORMER = '357b53d4b9ee6afb9782faab62a4e860552eb00e'
const REPOSITORY = join(import.meta.dirname, '..')

/** A checkout of the release before, with the packages that are here. */
export interface FormerRelease {
  folder: string
  remove(): void
}

/** @returns `null` where the history is not here, as in a shallow clone. */
export async function checkOutFormerRelease(): Promise<FormerRelease | null> {
  const known = await command('git', ['cat-file', '-e', FORMER], {}, REPOSITORY).catch(() => null)
  if (known === null) return null
  const folder = mkdtempSync(join(tmpdir(), 'deployer-former-'))
  const archive = join(folder, 'former.tar')
  await command('git', ['archive', '--output', archive, FORMER], {}, REPOSITORY)
  await command('tar', ['-xf', archive, '-C', folder])
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'))
  for (const part of ['apps/api', 'apps/cli', 'apps/worker', 'packages/shared']) {
    const modules = join(REPOSITORY, part, 'node_modules')
    if (!existsSync(modules)) continue
    mkdirSync(join(folder, part), { recursive: true })
    // Its links lead to the packages here, and to the shared package there.
    cpSync(modules, join(folder, part, 'node_modules'), { recursive: true, verbatimSymlinks: true })
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
