import { fromFiles, type ComposeInput } from '../converge/compose-args.ts'
import type { Tools } from '../converge/tools.ts'
import { imageName, type ComposeModel } from '../release/release.ts'
import type { ProjectFiles } from '../stacks/project-files.ts'
import type { StepContext, StepEnd } from './step.ts'

/** A compose that something else killed (the kernel, out of memory) is started again, so many times in all. */
const MOST_TRIES = 3

/** What a registry says of an image that it does not have, or does not show to everybody. */
const NOT_THERE = /manifest unknown|not found|pull access denied|repository does not exist|requested access to the resource is denied/i

/**
 * `docker compose pull`. Services that have no image but one that is built here are left alone. One that is built here and has a name too is
 * pulled; where its registry does not have that name, the one that was built here stays.
 */
export async function pull(tools: Tools, definition: ComposeModel, files: ProjectFiles, context: StepContext): Promise<StepEnd> {
  const services = Object.entries(definition.services)
  for (const [service, { build, image }] of services) {
    if (build && image === undefined) context.log(`${service} is built here, so there is nothing to pull`)
  }
  const buildable = services.filter(([, { build, image }]) => build && image !== undefined).map(([service]) => service)
  const input = fromFiles({ project: definition.name, ...files })
  const end = await pullPatiently(tools, input, ['--ignore-buildable'], context)
  if (end.how !== 'exited' || end.code !== 0) return end
  for (const service of buildable) {
    let isThere = true
    const watching = { ...context, log: (line: string) => ((isThere &&= !NOT_THERE.test(line)), context.log(line)) }
    const one = await pullPatiently(tools, input, [service], watching)
    if (one.how === 'exited' && one.code === 0) continue
    const reference = imageName(definition.name, service, definition.services[service] ?? {})
    if (one.how === 'exited' && !isThere && (await tools.engine.image(reference, context.signal))) {
      context.log(`${service}: no registry has ${reference}, so the one that was built here stays`)
      continue
    }
    return one
  }
  return end
}

/** What compose says when the engine has gone. */
const ENGINE_AWAY = /Cannot connect to the Docker daemon|error during connect|unexpected EOF|^EOF$/

/** `docker compose pull`, again where it was killed or the engine went away. */
export async function pullPatiently(
  { compose, paths, lockFd, engine }: Tools,
  { args, ...input }: ComposeInput,
  what: string[],
  context: StepContext,
): Promise<StepEnd> {
  for (let tries = 1; ; tries++) {
    let away = false
    const { exitCode } = await compose.run(paths, [...args, 'pull', ...what], {
      ...input,
      signal: context.signal,
      onLine(line) {
        away ||= ENGINE_AWAY.test(line)
        context.log(line)
      },
      lockFd,
    })
    if (exitCode !== null && !away) return { how: 'exited', code: exitCode }
    if (context.signal.aborted || tries === MOST_TRIES) return exitCode === null ? { how: 'killed' } : { how: 'exited', code: exitCode }
    context.log(exitCode === null ? 'compose was killed from outside; it is started again' : 'the Docker Engine was away; pulling again')
    await engine.ping(context.signal)
  }
}
