import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { command } from './command.ts'
import type { Engine } from './engine.ts'
import { freePort } from './free-port.ts'
import { startService, type Service } from './service.ts'
import { until } from './until.ts'

/** A stack of the lab's. */
export interface LabStack {
  /** Its own name with something random behind it, since the engine may be a developer's. */
  name: string
  dir: string
  /** The address at which its service `web` answers, where it has a port. */
  url: string
  write(path: string, text: string): void
  /** Writes its compose file anew. */
  rewrite(composeFile: (port: number) => string): void
  /** `docker compose …` in its folder, as an operator would. */
  compose(...args: string[]): Promise<string>
  /** What its service `web` answers now. */
  page(): Promise<string>
  /** Ids of its containers, stopped ones included. */
  containers(): Promise<string[]>
  /** Ids of a service's containers, stopped ones included, whether its file has that service or not. */
  idsOf(service: string): Promise<string[]>
}

/** A stacks folder with stacks, and what is started for them; all of it ends with `close`. */
export interface World {
  root: string
  secret: string
  /** Settings that every part of Deployer gets here. */
  settings: Record<string, string>
  addStack(name: string, composeFile: (port: number) => string, files?: Record<string, string>): Promise<LabStack>
  start(role: 'all' | 'api' | 'worker', settings?: Record<string, string>): Promise<Service>
  close(): Promise<void>
}

/** A compose file with one service `web` that serves its version. */
export function webFile(image: string, more = ''): (port: number) => string {
  return (port) => `services:\n  web:\n    image: ${image}\n    init: true\n    ports: ["127.0.0.1:${port}:8080"]\n${more}`
}

export function createWorld(engine: Engine): World {
  const root = mkdtempSync(join(tmpdir(), 'deployer-stacks-'))
  const suffix = randomBytes(3).toString('hex')
  const secret = randomBytes(24).toString('hex')
  const stacks: LabStack[] = []
  const services: Service[] = []
  const settings = {
    DEPLOY_SECRET: secret,
    STACKS_ROOT: root,
    DATA_DIR: join(root, '.data'),
    DOCKER_HOST: engine.dockerHost,
    RATE_LIMIT_PER_MIN: '0',
    READ_RATE_LIMIT_PER_MIN: '0',
    WORKER_NAME: `lab-${suffix}`,
    STEADY_TIME: '1',
    MIN_FREE_DISK: '0',
  }
  return {
    root,
    secret,
    settings,
    async addStack(base, composeFile, files = {}) {
      const name = `${base}-${suffix}`
      const dir = join(root, name)
      const port = await freePort()
      const compose = (...args: string[]) => command('docker', ['compose', ...args], { DOCKER_HOST: engine.dockerHost, PWD: dir }, dir)
      const write = (path: string, text: string) => {
        mkdirSync(dirname(join(dir, path)), { recursive: true })
        writeFileSync(join(dir, path), text)
      }
      const url = `http://127.0.0.1:${port}`
      const page = async () => (await fetch(url, { headers: { connection: 'close' } })).text()
      const containers = async () => (await compose('ps', '-aq')).split('\n').filter(Boolean)
      const rewrite = (file: (port: number) => string) => write('compose.yaml', file(port))
      const idsOf = async (service: string) => {
        const format = '{{.ID}} {{.Label "com.docker.compose.project.working_dir"}}'
        const list = await engine.docker(
          'ps',
          '-a',
          '--no-trunc',
          '--filter',
          `label=com.docker.compose.service=${service}`,
          '--format',
          format,
        )
        return list.split('\n').flatMap((line) => (`${line}/`.includes(` ${dir}/`) ? [line.slice(0, 64)] : []))
      }
      const stack = { name, dir, url, write, rewrite, compose, page, containers, idsOf }
      write('compose.yaml', composeFile(port))
      for (const [path, text] of Object.entries(files)) write(path, text)
      stacks.push(stack)
      return stack
    },
    async start(role, more = {}) {
      const service = await startService(role, { ...settings, ...more })
      services.push(service)
      return service
    },
    async close() {
      await Promise.all(services.map((service) => service.stop().catch(() => undefined)))
      await removeProjects(engine, root, suffix)
      const kept = (
        await engine.docker('images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', `reference=deployer-former/*-${suffix}/*`)
      ).split('\n')
      for (const reference of kept.filter(Boolean)) await engine.docker('rmi', reference).catch(() => undefined)
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** Removes all that was made from a folder's stacks, and their helpers: also what `down` would leave, as services of profiles. */
async function removeProjects(engine: Engine, root: string, suffix: string): Promise<void> {
  const label = (name: string) => `{{.Label "com.docker.compose.${name}"}}`
  const list = async (...args: string[]) => (await engine.docker(...args)).split('\n').map((line) => line.split(' '))
  const projects = new Set<string>()
  const ids: string[] = []
  const format = `{{.ID}} x${label('project')} x${label('project.working_dir')} x{{.Label "deployer.stack"}}`
  for (const [id = '', project = '', dir = '', helped = ''] of await list('ps', '-a', '--no-trunc', '--format', format)) {
    const isOurs = `${dir.slice(1)}/`.startsWith(`${root}/`) || [project, helped].some((name) => name.endsWith(`-${suffix}`))
    if (!isOurs) continue
    ids.push(id)
    projects.add(project.slice(1))
  }
  if (ids.length > 0) await engine.docker('rm', '-f', '-v', ...ids)
  for (const kind of ['network', 'volume']) {
    const name = kind === 'network' ? '{{.ID}}' : '{{.Name}}'
    const all = await list(kind, 'ls', '--filter', 'label=com.docker.compose.project', '--format', `${name} ${label('project')}`)
    const own = all.flatMap(([id = '', project = '']) => (projects.has(project) || project.endsWith(`-${suffix}`) ? [id] : []))
    // What something else is still on stays with that.
    if (own.length > 0) await engine.docker(kind, 'rm', ...own).catch(() => undefined)
  }
}

/** Waits until a stack answers with a version. */
export async function untilPage(stack: LabStack, version: string): Promise<void> {
  await until(`version ${version} of ${stack.name}`, async () => (await stack.page()) === version)
}
