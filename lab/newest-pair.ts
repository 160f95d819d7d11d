import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command } from './command.ts'
import { debianMirror } from './debian-mirror.ts'

/** Everything of it: packages, engine, images. */
const FOLDER = '/var/lib/deployer-lab/newest'
/** Debian's next release. Its runc is left out: it needs a newer libc than Debian 12 has, and the machine's serves. */
const SUITE = 'forky'
const PACKAGES = ['docker.io', 'docker-cli', 'docker-compose', 'docker-buildx', 'containerd']

/**
 * Brings the newest engine and compose that Debian has, unpacked beside the system: nothing is installed. Kept for the next run.
 *
 * @returns What a run needs in its environment to be on them instead of on what the machine has: a private engine (see `startEngine`), programs, and the
 *   plugins of `HOME`.
 */
export async function fetchNewestPair(): Promise<Record<string, string>> {
  const root = join(FOLDER, 'root')
  const plugins = join(FOLDER, '.docker/cli-plugins')
  if (!existsSync(plugins)) {
    await unpack(root)
    // Last, so that what was cut short begins anew.
    mkdirSync(join(FOLDER, '.docker'), { recursive: true })
    symlinkSync(join(root, 'usr/libexec/docker/cli-plugins'), plugins)
  }
  const path = [join(root, 'usr/bin'), join(root, 'usr/sbin'), process.env['PATH']].join(':')
  return { PATH: path, HOME: FOLDER, DEPLOYER_LAB: FOLDER, DOCKER_HOST: '' }
}

async function unpack(root: string): Promise<void> {
  const mirror = await debianMirror()
  if (!mirror) throw new Error("No Debian mirror found in this machine's apt sources: the newest engine cannot be brought.")
  const downloads = join(FOLDER, 'downloads')
  for (const folder of [root, downloads, join(FOLDER, 'lists/partial'), join(FOLDER, 'cache/archives/partial')])
    mkdirSync(folder, { recursive: true })
  const sources = join(FOLDER, 'sources.list')
  writeFileSync(sources, `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} ${SUITE} main\n`)
  // A state of its own, so that the machine's apt does not learn of the suite.
  const state = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${FOLDER}/lists`,
    `Dir::Cache=${FOLDER}/cache`,
  ]
  const options = [...state, 'APT::Sandbox::User=root', 'Dir::Etc::preferencesparts=-'].flatMap((option) => ['-o', option])
  await command('apt-get', [...options, 'update', '-q'])
  await command('apt-get', [...options, 'download', '-q', ...PACKAGES], {}, downloads)
  for (const file of readdirSync(downloads)) await command('dpkg', ['-x', join(downloads, file), root])
}
