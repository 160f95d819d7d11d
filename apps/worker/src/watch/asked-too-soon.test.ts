import { expect, it } from 'vitest'
import { askedTooSoon } from './asked-too-soon.ts'
import type { StackLook } from './look-at-stacks.ts'
import type { KnownName, WatchFile } from './memory.ts'

const HOUR = 3_600_000
const time = (hour: number) => new Date(hour * HOUR).toISOString()
const seen = (...list: [digest: string, hour: number][]) => list.map(([digest, hour]) => ({ digest, at: time(hour), offered: true }))
const name = (list: KnownName['seen'], asked: number, source: KnownName['source'] = 'answered'): KnownName => {
  return { seen: list, source, problem: null, at: time(asked) }
}
const news = seen(['a', 0], ['b', 10])

it.each<[string, KnownName[], now: number, boolean]>([
  ['has just settled, and was asked about before that', [name(news, 10)], 12, true],
  ['was asked about since', [name(news, 12)], 12, false],
  ['settles yet', [name(news, 10)], 11, false],
  ['has nothing new', [name(seen(['a', 0]), 10)], 99, false],
  ['has settled, and one of its registries was asked before that', [name(news, 12), name(seen(['a', 0]), 11)], 12, true],
  ['has settled, and its registry has not answered since', [name(news, 13, 'unknown')], 13, true],
  ['has settled, and the registry of another one has not answered', [name(news, 13), name(seen(['a', 0]), 13, 'unknown')], 13, true],
  ['has an image that no registry knows', [name(news, 10, 'local')], 99, false],
])('a stack that %s', (_, names, now, isUnsure) => {
  const sightings = names.map((_, index) => ({ image: `image-${index}`, running: ['a'] }))
  const look = { stack: 'media', wishes: { settle: 2 * HOUR }, sightings } as unknown as StackLook
  const file = { names: Object.fromEntries(names.map((one, index) => [`image-${index}`, one])) } as unknown as WatchFile
  expect(askedTooSoon([look], file, now * HOUR)).toEqual(isUnsure ? [look] : [])
})
