import { locateStack, type StacksRoot } from '../stacks/locate-stack.ts'
import type { ReadStacks } from './read-stack.ts'

/** What changes when the files of a stack do, by stack. */
export function marksOf({ root, stacks }: { root: StacksRoot; stacks: Pick<ReadStacks, 'mark'> }, names: string[]): Map<string, string> {
  const markOf = (name: string) => {
    try {
      return stacks.mark(locateStack(root, name))
    } catch {
      return ''
    }
  }
  return new Map(names.map((name) => [name, markOf(name)]))
}
