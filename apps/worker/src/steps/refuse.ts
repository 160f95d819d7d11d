import { realpathSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Container, StackPaths } from '../ports.ts'
import { Refusal } from '../refusal.ts'

/**
 * Refuses to run compose over containers that came from another folder. Compose knows a project by its name alone: it would take
 * another folder's containers for orphans and remove them, or recreate the stack's own with their relative binds elsewhere.
 *
 * @throws {Refusal} `project_conflict` or `path_mismatch`.
 */
export function refuseForeignContainers(paths: StackPaths, project: string, containers: Container[]): void {
  const foreign = containers.find(({ workingDir }) => workingDir !== '' && !isSameFolder(workingDir, paths.workingDir))
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

/** The same by name, or by what the names lead to. */
function isSameFolder(one: string, other: string): boolean {
  if (one === other) return true
  try {
    return realpathSync(one) === realpathSync(other)
  } catch {
    return false
  }
}
