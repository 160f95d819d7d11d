import { expect, it } from 'vitest'
import type { Finding } from '@deployer/shared/finding'
import type { StackLook } from '../watch/look-at-stacks.ts'
import type { HostWishes, StackWishes } from '../watch/wishes.ts'
import { describeWatching } from './check-watching.ts'
import type { NextCheck } from './next-check.ts'

const HOUR = 3_600_000
const now = Date.parse('2026-01-01T12:00:00.000Z')
const host: HostWishes = {
  watch: 'off',
  every: { kind: 'interval', milliseconds: HOUR },
  window: null,
  minAge: 0,
  settle: 0,
  zone: 'Europe/Lisbon',
}
const known = (at: number | null): NextCheck => ({ at, now })

function look(stack: string, modes: StackWishes['modes'], more: Partial<StackWishes> = {}, apart: string[] = []): StackLook {
  const { watch: _, zone: __, ...pace } = host
  const sightings = Object.entries(modes).flatMap(([service, mode]) => {
    if (mode === 'off' || apart.includes(service)) return []
    return [{ service, image: service, mode, running: service === 'local' ? [] : ['digest'], isBuilt: false, unwanted: false, labels: {} }]
  })
  return { stack, dir: '/nowhere', services: {}, sightings, wishes: { ...pace, modes, problem: null, ignored: [], ...more } }
}

function describe_(looks: StackLook[], next: NextCheck | null = null, unread = 0): Finding[] {
  const findings: Finding[] = []
  describeWatching({ looks, unread, next, zone: host.zone }, (one) => void findings.push(one))
  return findings
}

it('one line says what is watched, and when it is looked at next', () => {
  const looks = [
    look('media', { web: 'update', db: 'notify', pinned: 'update', local: 'update' }, {}, ['pinned']),
    look('blog', { app: 'update' }),
    look('other', { app: 'off' }),
  ]
  expect(describe_(looks, known(now + HOUR))).toEqual([
    {
      level: 'ok',
      what: '2 stacks are watched: 2 services are updated by themselves, 1 only told of, 2 not looked at (pinned by a digest, built here, or without a container); next check 2026-01-01T13:00:00.000Z',
      todo: '',
    },
  ])
  expect(describe_([look('blog', { app: 'notify' })])[0]?.what).toBe(
    '1 stack is watched: 0 services are updated by themselves, 1 only told of',
  )
  expect(describe_([look('other', { app: 'off' })])).toEqual([{ level: 'ok', what: 'No stack is watched for new images', todo: '' }])
})

it('the zone is said where it means something, and what could not be read is not made up', () => {
  const window = { spans: [{ from: 0, to: 60 }] }
  expect(describe_([look('blog', { app: 'update' }, { window })], null, 1)[0]?.what).toBe(
    '1 stack is watched: 1 service is updated by itself, 0 only told of; cron lines and windows are meant in Europe/Lisbon; 1 stack could not be read',
  )
})

it('a check that is overdue, or that nobody has planned, is told', () => {
  const looks = [look('blog', { app: 'update' })]
  expect(describe_(looks, known(now - 10 * 60_000))[1]).toMatchObject({
    level: 'hint',
    what: 'The check of 2026-01-01T11:50:00.000Z is overdue',
    todo: expect.stringContaining('worker') as string,
  })
  expect(describe_(looks, known(null))[1]).toMatchObject({ level: 'hint', what: 'No check for new images is planned' })
  expect(describe_(looks, known(now - 1000))).toHaveLength(1)
})

it('stacks that nothing looks at by itself are named, and no check is missed there', () => {
  const findings = describe_(
    [look('blog', { app: 'update' }, { every: { kind: 'asked' } }), look('media', { app: 'notify' }, { every: { kind: 'asked' } })],
    known(null),
  )
  expect(findings).toEqual([
    expect.objectContaining({ level: 'ok' }),
    {
      level: 'hint',
      what: 'Nothing looks by itself for new images of blog, media: their `every` is 0',
      todo: expect.stringContaining('keys file') as string,
    },
  ])
})

it('a malformed x-deployer and labels that count for nothing are told of', () => {
  const findings = describe_([
    look('media', { web: 'off' }, { problem: 'x is y', ignored: ['the label z'] }),
    look('blog', { web: 'update' }, { ignored: ['the label w'] }),
  ])
  expect(findings).toContainEqual({ level: 'mend', what: 'Nothing of stack "media" is watched: x is y', todo: 'See docs/watching.md.' })
  expect(findings).toContainEqual({
    level: 'hint',
    what: 'In stack "blog" the label w',
    todo: expect.stringContaining('counts for nothing') as string,
  })
})
