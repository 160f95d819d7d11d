import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { parse } from 'yaml'
import { createRedact } from '@deployer/shared/redact'
import { fromFiles } from '../converge/compose-args.ts'
import { peekCurrent } from '../journal/journal-file.ts'
import type { Container, StackPaths } from '../ports.ts'
import { ComposeModel, imageName, type ComposeService } from '../release/release.ts'
import type { HostTools } from '../stacks/open-stack.ts'
import { findProjectFiles, fingerprint, readFrom, type ProjectFiles } from '../stacks/project-files.ts'
import { readDotEnv } from '../stacks/project-name.ts'
import { stackSecrets } from '../stacks/stack-secrets.ts'
import { ownProject } from '../steps/refuse.ts'
import { readWishes, type HostWishes, type StackWishes } from './wishes.ts'

/** What a stack's files say, as far as watching is concerned. */
export interface WatchedStack {
  wishes: StackWishes
  /** By service. */
  services: Record<string, { image: string; isBuilt: boolean }>
}

/** Reads what stacks want, each anew only when its files have changed. */
export interface ReadStacks {
  /** @param own The stack's containers. @param anyway Also where neither the files nor the settings want anything to be watched. */
  read(paths: StackPaths, own: Container[], anyway?: boolean): Promise<WatchedStack>
  /** Changes when a stack's files do, as far as these are known. */
  mark(paths: StackPaths): string
}

/** In what is not resolved yet: something to watch may be said there, or elsewhere. */
const MAY_WANT = /x-deployer|\binclude\b|\bextends\b/
const NAMES_OTHERS = /\binclude\b|\bextends\b/
const PATIENCE = 60_000

export function createReadStacks(host: Pick<HostTools, 'compose' | 'clock' | 'journalStore'>, wishes: HostWishes): ReadStacks {
  const known = new Map<string, { mark: string; stack: WatchedStack }>()
  const lastFiles = new Map<string, ProjectFiles>()
  return {
    mark: (paths) => fingerprint(paths, lastFiles.get(paths.name) ?? { projectDir: paths.workingDir, files: [], envFiles: [] }),
    async read(paths, own, anyway = false) {
      const project = ownProject(paths, own)
      const current = peekCurrent(host.journalStore(paths.name))
      const files = findProjectFiles(
        paths,
        own.filter((one) => one.project === project),
        current,
      )
      lastFiles.set(paths.name, files)
      const text = textOf(paths, files)
      if (wishes.watch === 'off' && !anyway && !MAY_WANT.test(text)) return { wishes: readWishes(NOTHING, wishes), services: {} }
      const mark = JSON.stringify([project, files, fingerprint(paths, files)])
      const found = known.get(paths.name)
      // What lies in other files may have changed without a mark.
      if (found?.mark === mark && !NAMES_OTHERS.test(text)) return found.stack
      const model = await resolve(host, paths, project, files)
      const stack = { wishes: withoutSecrets(paths, model, readWishes(model, wishes)), services: servicesOf(model) }
      known.set(paths.name, { mark, stack })
      return stack
    },
  }
}

const NOTHING: ComposeModel = { name: '', services: {} }

/** What was found in place of what is wanted may have come from `.env`. */
function withoutSecrets({ name, dir }: StackPaths, model: ComposeModel, wishes: StackWishes): StackWishes {
  if (wishes.problem === null && wishes.ignored.length === 0) return wishes
  const redact = createRedact(stackSecrets(name, readDotEnv(dir), model))
  return { ...wishes, problem: wishes.problem && redact(wishes.problem), ignored: wishes.ignored.map(redact) }
}

/** Compose's JSON leaves out what services have under `x-…`; its YAML does not (2.26). */
async function resolve(
  { compose, clock }: Pick<HostTools, 'compose' | 'clock'>,
  paths: StackPaths,
  project: string | null,
  files: ProjectFiles,
): Promise<ComposeModel> {
  const folder = await open(paths.dir, 'r')
  try {
    const { args } = fromFiles({ project: project ?? '', ...files })
    const { exitCode, stdout } = await compose.run(paths, [...(project === null ? args.slice(2) : args), 'config', '--format', 'yaml'], {
      signal: clock.timeout(PATIENCE),
      onLine: () => undefined,
      keepStdout: true,
      lockFd: folder.fd,
    })
    if (exitCode !== 0) throw new Error(`the compose file of "${paths.name}" is not valid`)
    return ComposeModel.parse(parse(stdout))
  } finally {
    await folder.close()
  }
}

function servicesOf({ name, services }: ComposeModel): WatchedStack['services'] {
  const isBuilt = ({ build, image }: ComposeService) => build !== undefined && image === undefined
  const found = Object.entries(services).map(([service, one]) => [service, { image: imageName(name, service, one), isBuilt: isBuilt(one) }])
  return Object.fromEntries(found) as WatchedStack['services']
}

/** The files as they are written. */
function textOf(paths: StackPaths, files: ProjectFiles): string {
  return readFrom(paths, files)
    .filter((file) => !file.endsWith('.env'))
    .map((file) => {
      try {
        return readFileSync(file, 'utf8')
      } catch {
        return ''
      }
    })
    .join('\n')
}
