import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, it } from 'vitest'
import { untraced } from '@deployer/shared/telemetry'
import { createCompose, findCompose } from './compose-cli.ts'

const dockerHost = inject('dockerHost')

/** A docker configuration whose current context is an engine that is not there. */
function otherContext(folder: string): void {
  const id = createHash('sha256').update('elsewhere').digest('hex')
  mkdirSync(join(folder, 'contexts/meta', id), { recursive: true })
  const endpoint = { Name: 'elsewhere', Metadata: {}, Endpoints: { docker: { Host: 'unix:///nowhere.sock', SkipTLSVerify: false } } }
  writeFileSync(join(folder, 'contexts/meta', id, 'meta.json'), JSON.stringify(endpoint))
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ currentContext: 'elsewhere' }))
}

it.each<[string, (home: string, dir: string) => string]>([
  ["the user's configuration", (home) => join(home, '.docker')],
  ["the stack's configuration", (_, dir) => join(dir, '.docker')],
])('compose asks the engine that the worker asks, whatever the docker context of %s says', { timeout: 60_000 }, async (_, place) => {
  const dir = mkdtempSync(join(tmpdir(), 'deployer-context-'))
  const home = mkdtempSync(join(tmpdir(), 'deployer-home-'))
  writeFileSync(join(dir, 'compose.yaml'), 'services: { web: { image: app } }\n')
  writeFileSync(join(dir, '.env'), 'DOCKER_CONTEXT=elsewhere\n')
  otherContext(place(home, dir))
  // As where the worker is told nothing and takes the usual socket.
  const env = { PATH: process.env['PATH'], HOME: home, DOCKER_CONTEXT: 'elsewhere' }
  const compose = createCompose(findCompose({ HOME: home }) ?? '', dockerHost, env, untraced)
  const folder = await open(dir, 'r')
  const said: string[] = []
  const options = { signal: AbortSignal.timeout(60_000), onLine: (line: string) => void said.push(line), lockFd: folder.fd }
  const { exitCode } = await compose.run({ name: 'context', dir, workingDir: dir }, ['ps', '--all'], options)
  await folder.close()
  expect(exitCode, said.join('\n')).toBe(0)
})

it('asks again where something else killed compose, three times in all', { timeout: 60_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'deployer-killed-'))
  const program = join(dir, 'docker-compose')
  const folder = await open(dir, 'r')
  const paths = { name: 'killed', dir, workingDir: dir }
  const ask = async (kills: number) => {
    const left = join(dir, 'kills')
    writeFileSync(left, 'x'.repeat(kills))
    const die = `if [ -s ${left} ]; then echo half; truncate -s -1 ${left}; kill -9 $$; fi`
    writeFileSync(program, `#!/bin/sh\n[ "$1" = version ] && { echo 2.26.1; exit; }\n${die}\necho whole\n`, { mode: 0o755 })
    const compose = createCompose(program, dockerHost, { PATH: process.env['PATH'] }, untraced)
    const options = { signal: AbortSignal.timeout(60_000), onLine: () => undefined, lockFd: folder.fd }
    return { asked: await compose.run(paths, ['config'], { ...options, keepStdout: true }), left: readFileSync(left, 'utf8').length }
  }
  expect(await ask(2)).toEqual({ asked: { exitCode: 0, stdout: 'whole\n' }, left: 0 })
  expect(await ask(4)).toMatchObject({ asked: { exitCode: null }, left: 1 })
  await folder.close()
})

it('leaves a stack’s files nothing to find in the environment that plain compose would not have', { timeout: 60_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'deployer-clean-'))
  const program = join(dir, 'docker-compose')
  const folder = await open(dir, 'r')
  // As it was when the program began: a shell adds to its own.
  const print = "tr '\\0' '\\n' < /proc/$$/environ"
  writeFileSync(program, `#!/bin/sh\n[ "$1" = version ] && { echo 2.26.1; exit; }\n${print}\n`, { mode: 0o755 })
  const env = { PATH: process.env['PATH'], HOME: '/root', HTTPS_PROXY: 'http://proxy', GOGC: '50', COMPOSE_FILE: 'x', DEPLOY_SECRET: 'x' }
  const compose = createCompose(program, dockerHost, env, untraced)
  const options = { signal: AbortSignal.timeout(60_000), onLine: () => undefined, lockFd: folder.fd, keepStdout: true }
  const { stdout } = await compose.run({ name: 'clean', dir, workingDir: dir }, ['config'], options)
  await folder.close()
  expect(new Set(stdout.match(/^[^=\n]+/gm))).toEqual(new Set(['DOCKER_HOST', 'HOME', 'HTTPS_PROXY', 'PATH', 'PWD']))
})
