import { expect, it } from 'vitest'
import { createLogger } from '@deployer/shared/logger'
import type { Container, ContainerEvent, Engine } from '../ports.ts'
import { watchContainers } from './watch-containers.ts'

it('lists when it begins, and when something happens to a container that is of interest; others come to nothing', async () => {
  let tell: (event: ContainerEvent | null) => void = () => undefined
  let asked = 0
  const containers = ['/stacks/web', '/builds/1'].map((workingDir) => ({ workingDir }) as Container)
  const engine = {
    listContainers: async () => (asked++, containers),
    watch: (_: null, signal: AbortSignal, onEvent: typeof tell) =>
      new Promise<void>((resolve) => {
        tell = onEvent
        signal.addEventListener('abort', () => resolve())
        onEvent(null)
      }),
  } as unknown as Engine
  let told: (list: Container[]) => void = () => undefined
  const nextList = () => new Promise<Container[]>((resolve) => (told = resolve))
  const isOurs = (workingDir: string) => workingDir.startsWith('/stacks/')
  const first = nextList()
  const stop = watchContainers(engine, createLogger('silent', 'test', []), isOurs, (list) => told(list))
  expect(await first).toEqual([containers[0]])
  const happen = (workingDir: string) => tell({ id: 'one', action: 'start', exitCode: null, workingDir })
  const second = nextList()
  for (let times = 0; times < 3; times++) happen('/builds/1')
  // Longer than a burst of events is waited for.
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(asked).toBe(1)
  happen('/stacks/web')
  expect(await second).toEqual([containers[0]])
  expect(asked).toBe(2)
  await stop()
})
