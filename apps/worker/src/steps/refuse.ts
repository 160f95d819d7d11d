import { basename, dirname } from 'node:path'
import type { Container, StackPaths } from '../ports.ts'
import { Refusal } from '../refusal.ts'
import { isRunning } from '../release/compare.ts'
import { isOwn } from '../stacks/own-containers.ts'

/**
 * The compose project that runs from a stack's folder, whatever it is called.
 *
 * @param own The containers that were started from there.
 * @returns `null` when there is none.
 * @throws {Refusal} `project_conflict` when there are several.
 */
export function ownProject(paths: StackPaths, own: Container[]): string | null {
  const running = own.filter(isRunning)
  const names = [...new Set((running.length > 0 ? running : own).map(({ project }) => project))]
  if (names.length <= 1) return names[0] ?? null
  throw new Refusal(
    'project_conflict',
    `Several compose projects were started from ${paths.workingDir}: ${names.join(', ')}. Deployer runs one a folder: stop the others with ` +
      `\`docker compose -p <name> down\`, or move them to folders of their own.`,
  )
}

/**
 * Refuses to run compose over containers that came from another folder. Compose knows a project by its name alone: it would take
 * another folder's containers for orphans and remove them, or recreate the stack's own with their relative binds elsewhere.
 *
 * @param all The containers of every project.
 * @throws {Refusal} `project_conflict` or `path_mismatch`.
 */
export function refuseForeignContainers(paths: StackPaths, project: string, all: Container[]): void {
  const foreign = all.find((container) => container.project === project && container.workingDir !== '' && !isOwn(container, paths))
  if (!foreign) return
  const found = foreign.workingDir
  const anotherStack = basename(found) !== paths.name || dirname(found) === dirname(paths.workingDir)
  if (anotherStack) {
    throw new Refusal(
      'project_conflict',
      `The compose project name "${project}" of ${paths.workingDir} is that of the containers of ${found} (${foreign.name}): ` +
        'a deploy would remove them. Give one of the two another `name:` in its compose file, or remove the other one with `docker compose down` there.',
    )
  }
  throw new Refusal(
    'path_mismatch',
    `The containers of "${project}" were started from ${found}, but compose would now run in ${paths.workingDir}: relative bind mounts ` +
      `would point elsewhere. Mount the stacks' folder at the same path in the worker as on the host, set HOST_STACKS_ROOT to ${dirname(found)} ` +
      `if that is its path on the host, or, if the stack has moved on purpose, run \`docker compose up -d\` in ${paths.workingDir} once.`,
  )
}
