import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Container } from '../ports.ts'
import { ownContainers } from './publish-inventory.ts'

it("a stack's containers are those of its folder, and none of a project within that has files of its own, or of a sibling", () => {
  const root = mkdtempSync(join(tmpdir(), 'deployer-inventory-'))
  for (const [stack, file] of [
    ['web', 'compose.yaml'],
    ['moved', 'deploy/compose.yaml'],
  ] as const) {
    mkdirSync(join(root, stack, 'deploy'), { recursive: true })
    writeFileSync(join(root, stack, file), 'services: {}')
  }
  writeFileSync(join(root, 'moved/.env'), 'COMPOSE_FILE=deploy/compose.yaml\n')
  const container = (folder: string) => ({ workingDir: join(root, folder), project: 'some' }) as Container
  const nameless = { workingDir: '', project: 'web' } as Container
  const all = [container('web'), container('web/deploy'), container('web2'), container('moved/deploy'), nameless]
  const of = (name: string) => ownContainers({ here: root, onHost: root, problem: null }, name, all)
  expect(of('web')).toEqual([all[0], nameless])
  expect(of('moved')).toEqual([all[3]])
})
