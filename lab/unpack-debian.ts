import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command } from './command.ts'
import { debianMirror } from './debian-mirror.ts'

/**
 * Brings packages of a release of Debian, unpacked beside the system: nothing is installed. Kept for the next run.
 *
 * @param folder Everything of it: lists, packages, and what is in them, in `root`.
 * @param suite The release's code name.
 * @returns The folder that stands for `/`.
 */
export async function unpackDebian(folder: string, suite: string, packages: string[]): Promise<string> {
  const root = join(folder, 'root')
  if (existsSync(root)) return root
  const mirror = await debianMirror()
  if (!mirror) throw new Error(`No Debian mirror found in this machine's apt sources: ${packages[0]} cannot be brought.`)
  const [downloads, unpacked] = [join(folder, 'downloads'), join(folder, 'unpacked')]
  rmSync(unpacked, { recursive: true, force: true })
  for (const path of [unpacked, downloads, join(folder, 'lists/partial'), join(folder, 'cache/archives/partial')])
    mkdirSync(path, { recursive: true })
  const sources = join(folder, 'sources.list')
  writeFileSync(sources, `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} ${suite} main\n`)
  // A state of its own, so that the machine's apt does not learn of the suite.
  const state = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${folder}/lists`,
    `Dir::Cache=${folder}/cache`,
  ]
  const options = [...state, 'APT::Sandbox::User=root', 'Dir::Etc::preferencesparts=-'].flatMap((option) => ['-o', option])
  await command('apt-get', [...options, 'update', '-q'])
  await command('apt-get', [...options, 'download', '-q', ...packages.map((name) => `${name}/${suite}`)], {}, downloads)
  for (const file of readdirSync(downloads)) await command('dpkg', ['-x', join(downloads, file), unpacked])
  // Last, so that what was cut short begins anew.
  renameSync(unpacked, root)
  return root
}
