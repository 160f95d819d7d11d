import { existsSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Finding } from '@deployer/shared/finding'
import { StackName } from '@deployer/shared/names'
import { createRedact } from '@deployer/shared/redact'
import type { Host } from '../connect-engine.ts'
import type { Container } from '../ports.ts'
import { Refusal } from '../refusal.ts'
import { listStacks } from '../stacks/list-stacks.ts'
import { locateStack } from '../stacks/locate-stack.ts'
import { isOwn } from '../stacks/own-containers.ts'
import { COMPOSE_FILES } from '../stacks/found-files.ts'
import { findProjectFiles, fingerprint, type ProjectFiles } from '../stacks/project-files.ts'
import { readDotEnv } from '../stacks/project-name.ts'
import { stackSecrets } from '../stacks/stack-secrets.ts'
import { config } from '../steps/config.ts'
import { ownProject, refuseForeignContainers } from '../steps/refuse.ts'
import { isRunning } from '../release/compare.ts'

type Say = (finding: Finding) => void

const PATIENCE = 30_000

/** Each stack, and why it could not be deployed. */
export async function checkStacks(host: Host, say: Say): Promise<void> {
  const { here } = host.root
  const names = await listStacks(here)
  if (names.length === 0)
    say({ level: 'hint', what: `There is no stack in ${here}`, todo: 'A stack is a folder in it with a compose file.' })
  for (const entry of await readdir(here, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.startsWith('.') || StackName.safeParse(entry.name).success) continue
    say({
      level: 'hint',
      what: `${JSON.stringify(entry.name)} cannot be the name of a stack`,
      todo: 'Use letters, digits, "_", "." and "-".',
    })
  }
  const containers = await host.engine.listContainers(AbortSignal.timeout(PATIENCE)).catch(() => null)
  for (const name of names) say(await checkStack(host, name, containers))
}

async function checkStack(host: Host, name: string, containers: Container[] | null): Promise<Finding> {
  const stack = `Stack "${name}"`
  try {
    const paths = locateStack(host.root, name)
    const all = containers ?? []
    const own = all.filter((container) => isOwn(container, paths))
    const project = ownProject(paths, own)
    const files = findProjectFiles(paths, own, null)
    const named = readDotEnv(paths.dir)['COMPOSE_FILE'] !== undefined || files.files.length > 0
    if (!named && !COMPOSE_FILES.some((file) => existsSync(join(paths.dir, file)))) {
      return {
        level: 'hint',
        what: `${stack} has no compose file`,
        todo: `Not a stack, unless one of ${COMPOSE_FILES.join(', ')} is put there.`,
      }
    }
    const folder = await open(paths.dir, 'r')
    const said: string[] = []
    const context = { signal: AbortSignal.timeout(PATIENCE), log: (line: string) => void said.push(line) }
    const reader = {
      compose: host.compose,
      paths,
      lockFd: folder.fd,
      fingerprint: (of: ProjectFiles) => fingerprint(paths, of),
      contents: () => ({}),
    }
    const { resolved } = await config(reader, project, files, context)
    await folder.close()
    const redact = createRedact(stackSecrets(name, readDotEnv(paths.dir), resolved?.definition ?? null))
    if (!resolved) {
      return { level: 'mend', what: `${stack} cannot be deployed: its compose file is not valid`, todo: redact(said.at(-1) ?? '') }
    }
    refuseForeignContainers(paths, resolved.definition.name, all)
    if (resolved.unset.length > 0) {
      return {
        level: 'hint',
        what: `${stack} uses variables that have no value: ${resolved.unset.join(', ')}`,
        todo: `If it was started with values for them, deploys are refused (variable_unset): set them in ${paths.workingDir}/.env`,
      }
    }
    if (containers === null) return { level: 'ok', what: `${stack} has a valid compose file`, todo: '' }
    if (own.some(isRunning)) return { level: 'ok', what: `${stack} is running and can be deployed`, todo: '' }
    return {
      level: 'hint',
      what: `${stack} is not running, so deploys of it are refused`,
      todo: `Start it once: cd ${paths.workingDir} && docker compose up -d`,
    }
  } catch (error) {
    const code = error instanceof Refusal ? ` (${error.code})` : ''
    return { level: 'mend', what: `${stack} cannot be deployed${code}`, todo: error instanceof Error ? error.message : String(error) }
  }
}
