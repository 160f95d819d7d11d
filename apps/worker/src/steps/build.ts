import { fromFiles } from '../converge/compose-args.ts'
import type { Tools } from '../converge/tools.ts'
import type { ProjectFiles } from '../stacks/project-files.ts'
import type { StepContext, StepEnd } from './step.ts'

/** `docker compose build`, for stacks that ask for it. */
export async function build(
  { compose, paths, lockFd }: Tools,
  project: string,
  files: ProjectFiles,
  context: StepContext,
): Promise<StepEnd> {
  const { exitCode } = await compose.run(paths, [...fromFiles({ project, ...files }).args, 'build'], {
    signal: context.signal,
    onLine: context.log,
    lockFd,
  })
  return exitCode === null ? { how: 'killed' } : { how: 'exited', code: exitCode }
}
