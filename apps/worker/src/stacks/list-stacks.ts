import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StackName } from '@deployer/shared/names'

/** The names of the direct subfolders that can be stacks, links to folders included, sorted. */
export async function listStacks(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true })
  const names: string[] = []
  for (const entry of entries) {
    if (!StackName.safeParse(entry.name).success) continue
    if (entry.isDirectory() || (entry.isSymbolicLink() && (await leadsToFolder(join(root, entry.name))))) names.push(entry.name)
  }
  return names.sort()
}

async function leadsToFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}
