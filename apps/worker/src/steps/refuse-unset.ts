import { fromFiles } from '../converge/compose-args.ts'
import type { Tools } from '../converge/tools.ts'
import { Refusal } from '../refusal.ts'
import { ComposeModel } from '../release/release.ts'
import type { ProjectFiles } from '../stacks/project-files.ts'
import type { StepContext } from './step.ts'

/**
 * Refuses where a variable has no value now and a running service's definition would change by that: it came from a shell, or from another
 * file of variables, and compose would put nothing in its place.
 *
 * @param unset Variables without a value now that had one, as far as is known.
 * @param changed The running services whose definition is another one now.
 * @throws {Refusal} `variable_unset`.
 */
export async function refuseUnset(
  { compose, paths, lockFd }: Tools,
  project: string,
  files: ProjectFiles,
  unset: string[],
  changed: string[],
  context: StepContext,
): Promise<void> {
  if (unset.length === 0 || changed.length === 0) return
  const { exitCode, stdout } = await compose.run(
    paths,
    [...fromFiles({ project, ...files }).args, 'config', '--no-interpolate', '--format', 'json'],
    {
      signal: context.signal,
      onLine: () => undefined,
      keepStdout: true,
      lockFd,
    },
  )
  const raw = exitCode === 0 ? ComposeModel.safeParse(JSON.parse(stdout)).data : undefined
  // Where the raw file cannot be told apart by service, any of them may be meant.
  const missed = unset.filter((name) => changed.some((service) => !raw || mentions(raw.services[service], name)))
  const [first] = missed
  if (first === undefined) return
  const services = changed.filter((service) => !raw || missed.some((name) => mentions(raw.services[service], name)))
  const [what, they] = missed.length > 1 ? ['variables', 'They'] : ['variable', 'It']
  throw new Refusal(
    'variable_unset',
    `The ${what} ${missed.join(', ')} ${missed.length > 1 ? 'have' : 'has'} no value now, and ${services.map((one) => `"${one}"`).join(', ')} ` +
      `${services.length > 1 ? 'were' : 'was'} started with another definition: compose would put nothing in ${missed.length > 1 ? 'their' : 'its'} place. ` +
      `${they} came from the shell or from another file of variables. Set what is meant to have a value in ${paths.workingDir}/.env; what is meant to be empty is written there as ${first}=.`,
  )
}

/** Whether a value anywhere in it takes a variable: `$NAME`, `${NAME}`, `${NAME:-…}`. */
function mentions(service: unknown, name: string): boolean {
  return new RegExp(`\\$(${name}\\b|\\{${name}[}:?+-])`).test(JSON.stringify(service ?? null))
}
