import { expect, it } from 'vitest'
import type { Container } from '../ports.ts'
import { ownContainers } from './publish-inventory.ts'

it("a stack's containers are those of its folder, and none of a sibling whose name begins like its own", () => {
  const container = (workingDir: string, project = 'other') => ({ workingDir, project }) as Container
  const own = [container('/stacks/web'), container('/stacks/web/sub'), container('', 'web')]
  const others = [container('/stacks/web2'), container('/stacks'), container('')]
  expect(ownContainers({ here: '/stacks', onHost: '/stacks', problem: null }, 'web', [...own, ...others])).toEqual(own)
})
