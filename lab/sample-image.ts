import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command } from './command.ts'
import type { Engine } from './engine.ts'

/** What a sample image does when it runs. */
export type Behavior =
  /** Serves its version over HTTP on port 8080. */
  | 'serve'
  /** Ends with code 1 after it has said why. */
  | 'crash'
  /** Runs, and serves nothing. */
  | 'idle'
  /** Ends with code 0. */
  | 'one-shot'
  /** Says how it is used and ends with code 0, as many servers do that do not know one of their options. */
  | 'usage'
  /** Serves, and ends with code 1 after three seconds. */
  | 'die-later'
  /** Serves after eight seconds. */
  | 'serve-late'

const COMMANDS: Record<Behavior, string[]> = {
  serve: ['/bin/busybox', 'httpd', '-f', '-p', '8080', '-h', '/www'],
  crash: ['/bin/busybox', 'sh', '-c', 'echo this version cannot start; exit 1'],
  idle: ['/bin/busybox', 'sleep', '1000000'],
  'one-shot': ['/bin/busybox', 'true'],
  usage: ['/bin/busybox', 'sh', '-c', 'echo "usage: server [--port N]"'],
  'die-later': ['/bin/busybox', 'sh', '-c', 'httpd -p 8080 -h /www; sleep 3; exit 1'],
  'serve-late': ['/bin/busybox', 'sh', '-c', 'sleep 8; exec httpd -f -p 8080 -h /www'],
}

/**
 * Makes a 2 MB image of nothing but busybox and a page that says its version.
 *
 * @returns Its id.
 */
export async function makeImage(engine: Engine, reference: string, version: string, behavior: Behavior = 'serve'): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'deployer-image-'))
  try {
    mkdirSync(join(folder, 'root/bin'), { recursive: true })
    mkdirSync(join(folder, 'root/www'))
    mkdirSync(join(folder, 'root/tmp'))
    copyFileSync('/bin/busybox', join(folder, 'root/bin/busybox'))
    chmodSync(join(folder, 'root/bin/busybox'), 0o755)
    writeFileSync(join(folder, 'root/www/index.html'), version)
    await command('tar', ['-C', join(folder, 'root'), '-cf', join(folder, 'image.tar'), '.'])
    const change = `CMD ${JSON.stringify(COMMANDS[behavior])}`
    const own = `org.opencontainers.image.version="${version}" org.opencontainers.image.source="https://git.example.com/sample"`
    const labels = `LABEL version="${version}" deployer-lab=1 ${own}`
    return (await engine.docker('import', '-c', change, '-c', labels, join(folder, 'image.tar'), reference)).trim()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Makes an image, pushes it, and forgets it here, so that the next pull has to bring it. @returns Its id. */
export async function publishImage(engine: Engine, reference: string, version: string, behavior?: Behavior): Promise<string> {
  const former = await engine.docker('image', 'inspect', '--format', '{{.Id}}', reference).catch(() => '')
  const id = await makeImage(engine, reference, version, behavior)
  await engine.docker('push', '--quiet', reference)
  // The local name stays with what a stack may be running, as on a host that only pulls.
  if (former) await engine.docker('tag', former.trim(), reference)
  else await engine.docker('rmi', reference)
  return id
}
