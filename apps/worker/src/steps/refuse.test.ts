import { expect, it } from 'vitest'
import type { Container, StackPaths } from '../ports.ts'
import { ownProject } from './refuse.ts'

const paths: StackPaths = { name: 'media', dir: '/stacks/media', workingDir: '/stacks/media' }
const container = (project: string, state: string) => ({ project, state }) as Container

it('the project is the one that runs, whatever another one has left behind', () => {
  expect(ownProject(paths, [container('former', 'exited'), container('media', 'running')])).toBe('media')
  expect(ownProject(paths, [container('media', 'exited')])).toBe('media')
  expect(ownProject(paths, [])).toBe(null)
  expect(() => ownProject(paths, [container('former', 'running'), container('media', 'running')])).toThrow('former, media')
})
