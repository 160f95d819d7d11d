import { command } from './command.ts'

/** The mirror that this machine gets its Debian packages from; `null` where it cannot be told. */
export async function debianMirror(): Promise<string | null> {
  const targets = await command('apt-get', ['indextargets', '--format', '$(SITE)', 'Created-By: Packages']).catch(() => '')
  return targets.split('\n').find((line) => /\/debian\/?$/.test(line)) ?? null
}
