import { expect, it } from 'vitest'
import { hostPath } from './find-host-root.ts'

const mounts = [
  { source: '/srv', destination: '/data' },
  { source: '/mnt/disk/stacks', destination: '/data/stacks' },
  { source: '/home/me/media', destination: '/data/stacks/media' },
  { source: '/elsewhere', destination: '/data/stacks-old' },
]

it.each([
  ['/data/stacks', '/mnt/disk/stacks'],
  ['/data/stacks/web', '/mnt/disk/stacks/web'],
  ['/data/stacks/media', '/home/me/media'],
  ['/data/stacks/media/more', '/home/me/media/more'],
  ['/data/stacks-old/a', '/elsewhere/a'],
  ['/data/stacks-new', '/srv/stacks-new'],
  ['/data/..stacks', '/srv/..stacks'],
  ['/other', undefined],
])('%s is by the innermost mount that it is on %s', (folder, onHost) => {
  expect(hostPath(folder, mounts)).toBe(onHost)
  expect(hostPath(folder, mounts.toReversed())).toBe(onHost)
})

it('takes a mount of everything', () => {
  expect(hostPath('/stacks', [{ source: '/host', destination: '/' }])).toBe('/host/stacks')
})
