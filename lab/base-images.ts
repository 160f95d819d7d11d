import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { command } from './command.ts'
import { debianMirror } from './debian-mirror.ts'
import type { Engine } from './engine.ts'

const REPOSITORY = join(import.meta.dirname, '..')
const [, PINNED = ''] = /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(join(REPOSITORY, 'Dockerfile'), 'utf8')) ?? []
/** The name without its digest, which what is made here cannot have: the lab builds with this one. */
export const NODE_TAG = PINNED.replace(/@.*/, '')

/**
 * Makes sure that the images which Dockerfile and docker-compose.yml start from are there: pulled where a public registry can be
 * reached, otherwise made here out of Debian's packages and the Node of node_modules.
 */
export async function ensureBaseImages(engine: Engine): Promise<void> {
  const missing: string[] = []
  for (const [reference, pinned] of [
    [NODE_TAG, PINNED],
    ['redis:7', 'redis:7'],
  ] as const) {
    if (!(await has(engine, reference)) && !(await pull(engine, pinned, reference))) missing.push(reference)
  }
  if (missing.length === 0) return
  const folder = mkdtempSync(join(tmpdir(), 'deployer-base-'))
  try {
    const root = join(folder, 'rootfs')
    const mirror = await debianMirror()
    await command('debootstrap', ['--variant=minbase', '--include=ca-certificates', 'trixie', root, ...(mirror ? [mirror] : [])])
    rmSync(join(root, 'var/cache/apt'), { recursive: true, force: true })
    if (missing.includes('redis:7')) await makeRedis(engine, root)
    if (missing.includes(NODE_TAG)) await makeNode(engine, root)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function has(engine: Engine, reference: string): Promise<boolean> {
  return engine.docker('image', 'inspect', reference).then(
    () => true,
    () => false,
  )
}

async function pull(engine: Engine, from: string, reference: string): Promise<boolean> {
  const pulled = await engine.docker('pull', '-q', from).then(
    () => true,
    () => false,
  )
  if (pulled) await engine.docker('tag', from, reference)
  return pulled
}

async function importRoot(engine: Engine, root: string, reference: string, changes: string[]): Promise<void> {
  const archive = `${root}.tar`
  await command('tar', ['-C', root, '-cf', archive, '.'])
  await engine.docker('import', ...changes.flatMap((change) => ['-c', change]), archive, reference)
  rmSync(archive)
}

/** Debian with Node at its usual place, and the npm of this machine. */
async function makeNode(engine: Engine, root: string): Promise<void> {
  const lib = join(root, 'usr/local/lib/node_modules')
  mkdirSync(lib, { recursive: true })
  await command('cp', ['-L', join(REPOSITORY, 'node_modules/node/bin/node'), join(root, 'usr/local/bin/node')])
  await command('cp', ['-r', npmFolder(), lib])
  for (const name of ['npm', 'npx']) {
    await command('ln', ['-sf', `../lib/node_modules/npm/bin/${name}-cli.js`, join(root, 'usr/local/bin', name)])
  }
  await importRoot(engine, root, NODE_TAG, [
    ...trust(root),
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'CMD ["node"]',
  ])
}

/** Where this machine reaches registries through a proxy of its own authority, a build has to trust that one too. */
function trust(root: string): string[] {
  const authority = process.env['NODE_EXTRA_CA_CERTS']
  if (!authority || !existsSync(authority)) return []
  copyFileSync(authority, join(root, 'etc/ssl/lab-authority.pem'))
  return ['NODE_EXTRA_CA_CERTS', 'npm_config_cafile'].map((name) => `ENV ${name}=/etc/ssl/lab-authority.pem`)
}

function npmFolder(): string {
  const found = (process.env['PATH'] ?? '')
    .split(':')
    .map((dir) => join(dir, 'npm'))
    .find((path) => existsSync(path))
  if (!found) throw new Error('npm is not on PATH')
  return join(dirname(realpathSync(found)), '..')
}

/** Debian with Redis, run by the user that the public image has. */
async function makeRedis(engine: Engine, root: string): Promise<void> {
  await importRoot(engine, root, 'deployer-lab-debian', [])
  const folder = mkdtempSync(join(tmpdir(), 'deployer-redis-image-'))
  try {
    const install = 'apt-get update && apt-get install -y --no-install-recommends redis-server'
    const lines = ['FROM deployer-lab-debian', `RUN ${install} && mkdir -p /data && chown 999:999 /data`, 'VOLUME /data', 'WORKDIR /data']
    writeFileSync(join(folder, 'Dockerfile'), lines.join('\n'))
    await engine.docker('build', '-q', '-t', 'redis:7', folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
