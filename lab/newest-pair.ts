import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { unpackDebian } from './unpack-debian.ts'

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
    await unpackDebian(FOLDER, SUITE, PACKAGES)
    // Last, so that what was cut short begins anew.
    mkdirSync(join(FOLDER, '.docker'), { recursive: true })
    symlinkSync(join(root, 'usr/libexec/docker/cli-plugins'), plugins)
  }
  const path = [join(root, 'usr/bin'), join(root, 'usr/sbin'), process.env['PATH']].join(':')
  return { PATH: path, HOME: FOLDER, DEPLOYER_LAB: FOLDER, DOCKER_HOST: '' }
}
