import { expect, it } from 'vitest'
import { newerThan, remember, type Seen } from './seen.ts'

/** A story of a name: what its registry gives, what runs. */
function after(story: [offered: string | null, running: string][]): Seen[] {
  return story.reduce<Seen[]>(
    (seen, [offered, running], hour) => remember(seen, offered, [running], new Date(3_600_000 * hour).toISOString()),
    [],
  )
}
const newer = (story: [string | null, string][], running: string) => newerThan(after(story), [running]).map(({ digest }) => digest)

it.each([
  ['what runs is what the name has', [['a', 'a']], 'a', []],
  ['the name has moved', [['b', 'a']], 'a', ['b']],
  [
    'it has moved twice',
    [
      ['a', 'a'],
      ['b', 'a'],
      ['c', 'a'],
    ],
    'a',
    ['b', 'c'],
  ],
  [
    'the one before the newest was deployed',
    [
      ['a', 'a'],
      ['b', 'a'],
      ['c', 'b'],
    ],
    'b',
    ['c'],
  ],
  [
    'nothing older than what runs is newer',
    [
      ['a', 'a'],
      ['b', 'a'],
      ['c', 'x'],
    ],
    'x',
    ['c'],
  ],
  [
    'what another stack runs was never offered here',
    [
      ['c', 'a'],
      ['c', 'b'],
    ],
    'b',
    ['c'],
  ],
  [
    'the name has moved back',
    [
      ['a', 'a'],
      ['b', 'b'],
      ['a', 'b'],
    ],
    'b',
    ['a'],
  ],
  [
    'no answer changes nothing',
    [
      ['a', 'a'],
      ['b', 'a'],
      [null, 'a'],
    ],
    'a',
    ['b'],
  ],
  [
    'an older one was started by hand',
    [
      ['b', 'b'],
      ['b', 'a'],
    ],
    'a',
    ['b'],
  ],
  [
    'somebody has deployed one that was not seen yet',
    [
      ['a', 'a'],
      ['b', 'a'],
    ],
    'c',
    [],
  ],
  [
    'and no answer makes it older than what was seen',
    [
      ['a', 'a'],
      ['b', 'a'],
      [null, 'c'],
    ],
    'c',
    [],
  ],
  [
    'until the registry says so',
    [
      ['a', 'a'],
      ['b', 'a'],
      ['b', 'c'],
    ],
    'c',
    ['b'],
  ],
] as [string, [string | null, string][], string, string[]][])('%s', (_, story, running, expected) => {
  expect(newer(story, running)).toEqual(expected)
})

it('a digest keeps the time at which it was seen first, and has a new one when the name comes back to it', () => {
  expect(
    after([
      ['a', 'a'],
      ['a', 'a'],
      ['b', 'a'],
    ]).map(({ digest, at }) => [digest, at.slice(11, 13)]),
  ).toEqual([
    ['a', '00'],
    ['b', '02'],
  ])
  expect(
    after([
      ['a', 'a'],
      ['b', 'a'],
      ['a', 'a'],
    ]).findLast(({ offered }) => offered),
  ).toMatchObject({ digest: 'a', at: '1970-01-01T02:00:00.000Z' })
})

it('remembers so many digests and what runs, however long a stack stays on that', () => {
  const seen = after(Array.from({ length: 100 }, (_, index) => [`d${index}`, 'a']))
  expect(seen.map(({ digest }) => digest)).toEqual(['a', ...Array.from({ length: 40 }, (_, index) => `d${index + 60}`)])
})
