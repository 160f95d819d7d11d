import { mkdirSync, mkdtempSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { locateStack } from './locate-stack.ts'

const base = mkdtempSync(join(tmpdir(), 'deployer-locate-'))
const here = join(base, 'stacks')
for (const folder of ['stacks/web', 'stacks-private/secret', 'stacks/real']) mkdirSync(join(base, folder), { recursive: true })
symlinkSync(join(base, 'stacks-private/secret'), join(here, 'sibling'))
symlinkSync(here, join(here, 'root-itself'))
symlinkSync(join(here, 'real'), join(here, 'alias'))
const root = { here, onHost: '/opt/stacks', problem: null }

it('is where it is here, and where the host has it', () => {
  expect(locateStack(root, 'web')).toEqual({ name: 'web', dir: join(here, 'web'), workingDir: '/opt/stacks/web' })
})

it('may be a link within the root, also where the root is a link', () => {
  expect(locateStack(root, 'alias').dir).toBe(join(here, 'alias'))
  symlinkSync(here, join(base, 'link'))
  expect(locateStack({ ...root, here: join(base, 'link') }, 'web').dir).toBe(join(base, 'link/web'))
})

it.each(['sibling', 'root-itself'])('is refused where it is a link out of the root: %s', (name) => {
  expect(() => locateStack(root, name)).toThrow(expect.objectContaining({ code: 'stack_outside_root' }))
})
