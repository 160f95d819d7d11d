import { expect, it } from 'vitest'
import type { Container, ContainerSpec } from '../ports.ts'
import { createImageNames } from './image-names.ts'

const id = `sha256:${'a'.repeat(64)}`

it('names the images of containers, also of those whose name has gone to another image, which the engine is asked for once', async () => {
  const asked: string[] = []
  let away = true
  const names = createImageNames({
    async spec(of) {
      asked.push(of)
      if (away) throw new Error('the engine is away')
      return { imageName: 'registry/app:1' } as ContainerSpec
    },
  })
  const containers = [
    { id: 'web', image: 'nginx:1' },
    { id: 'moved', image: id },
  ] as Container[]
  expect(Object.fromEntries(await names(containers))).toEqual({ web: 'nginx:1' })
  away = false
  for (let round = 0; round < 3; round++)
    expect(Object.fromEntries(await names(containers))).toEqual({ web: 'nginx:1', moved: 'registry/app:1' })
  // Its name is taken by another image while it runs on: nothing has to be asked.
  expect(Object.fromEntries(await names([{ id: 'web', image: id } as Container]))).toEqual({ web: 'nginx:1' })
  expect(asked).toEqual(['moved', 'moved'])
})
