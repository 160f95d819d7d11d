import { expect, it } from 'vitest'
import type { Release } from '../release/release.ts'
import { fromKept } from './compose-args.ts'

it('what was kept is run with all of its services, also those of a profile', () => {
  const definition = { name: 'media', services: { tool: { image: 'tool', profiles: ['tools'] } } }
  const { args, input } = fromKept({ project: 'media', projectDir: '/stacks/media', definition, environment: {} } as unknown as Release)
  expect(args).toEqual(['-p', 'media', '--project-directory', '/stacks/media', '--profile', '*', '-f', '-'])
  expect(JSON.parse(input ?? '')).toEqual(definition)
})
