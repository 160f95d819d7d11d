// The entry of every `npm run …`: works on whatever Node the machine has, brings the project's own
// dependencies and the system's packages, then hands over to the Node of node_modules.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { COMPILE_CACHE, NODE_OPTIONS } from '../launcher/node-options.mjs'
import { ensurePackages } from './setup/packages.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const { packageManager } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

/** What each task runs, with the Node of node_modules. */
const TASKS = {
  start: ['launcher/main.ts', 'all'],
  api: ['launcher/main.ts', 'api'],
  worker: ['launcher/main.ts', 'worker'],
  demo: ['scripts/demo/demo.ts'],
  test: ['scripts/test.ts'],
  chaos: ['scripts/chaos.ts'],
  settings: ['scripts/settings-table.ts'],
  deployer: ['launcher/deployer.ts'],
  bench: ['bench/main.ts'],
}

const [task = '', ...rest] = process.argv.slice(2)
const command = TASKS[task]
if (!command) {
  process.stderr.write(`Unknown task "${task}". Known: ${Object.keys(TASKS).join(', ')}\n`)
  process.exit(64)
}
try {
  installDependencies()
  await ensurePackages(task)
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exit(69)
}
handOver()

/** `pnpm install`, when the lock file is another one than at the last installation. */
function installDependencies() {
  const stamp = `${root}node_modules/.deployer-lock`
  const lock = readFileSync(`${root}pnpm-lock.yaml`, 'utf8')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  process.stderr.write('setup: installing the dependencies (pnpm install) …\n')
  const install = spawnSync('npx', ['-y', packageManager, 'install', '--frozen-lockfile'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, CI: 'true' },
  })
  if (install.status !== 0) throw new Error(`pnpm install failed:\n${install.stdout}${install.stderr}${install.error ?? ''}`)
  writeFileSync(stamp, lock)
}

/**
 * Runs the task in its place: same terminal, same signals, same exit code. The channel between the two
 * closes however this process dies, which the launcher takes for a request to stop.
 */
function handOver() {
  const child = spawn(`${root}node_modules/.bin/node`, [...NODE_OPTIONS, root + command[0], ...command.slice(1), ...rest], {
    cwd: root,
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE, PATH: `${root}node_modules/.bin:${process.env.PATH}` },
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  const parent = process.ppid
  const orphaned = setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM')
  }, 1000)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    clearInterval(orphaned)
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0))
  })
}
