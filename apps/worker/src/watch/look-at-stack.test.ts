import { expect, it } from 'vitest'
import type { Container, Engine } from '../ports.ts'
import { lookAtStack } from './look-at-stack.ts'
import type { WatchedStack } from './read-stack.ts'

it('of a service that has a container which ended beside one that runs, the image of that one counts', async () => {
  const engine = { image: async (id: string) => ({ id, names: [], digests: [`app@sha256:${id}`], labels: {} }) } as unknown as Engine
  const stack = { wishes: { modes: { web: 'update' } }, services: { web: { image: 'app:1', isBuilt: false } } } as unknown as WatchedStack
  const own = [
    { service: 'web', state: 'exited', imageId: 'old' },
    { service: 'web', state: 'running', imageId: 'new' },
  ] as Container[]
  const [web] = await lookAtStack(engine, stack, own, false, new AbortController().signal)
  expect(web?.running).toEqual(['sha256:new'])
})
