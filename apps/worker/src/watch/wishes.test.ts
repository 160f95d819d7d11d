import { expect, it } from 'vitest'
import { ComposeModel } from '../release/release.ts'
import { readWishes, type HostWishes } from './wishes.ts'

const host: HostWishes = {
  watch: 'update',
  every: { kind: 'interval', milliseconds: 21_600_000 },
  window: null,
  minAge: 0,
  settle: 300_000,
  zone: 'UTC',
}
const stack = (section: unknown, services: Record<string, unknown> = { web: { image: 'app' } }) =>
  ComposeModel.parse({ name: 'media', services, ...(section === undefined ? {} : { 'x-deployer': section }) })

it('a stack that says nothing wants what the host’s settings say', () => {
  const { every, window, minAge, settle } = host
  expect(readWishes(stack(undefined), host)).toEqual({
    every,
    window,
    minAge,
    settle,
    modes: { web: 'update' },
    problem: null,
    ignored: [],
  })
})

it('what a stack says goes before the settings, and a service before its stack', () => {
  const section = { watch: 'update', every: '1h', window: 'Mon-Fri 02:00-05:00', min_age: '3d', settle: 0, build: true }
  const services = { web: { image: 'app' }, db: { image: 'db', 'x-deployer': { watch: 'notify' } } }
  expect(readWishes(stack(section, services), { ...host, watch: 'off' })).toMatchObject({
    every: { kind: 'interval', milliseconds: 3_600_000 },
    window: { spans: expect.any(Array) as unknown },
    minAge: 259_200_000,
    settle: 0,
    modes: { web: 'update', db: 'notify' },
    problem: null,
  })
  expect(readWishes(stack({ window: 'always', every: 0 }), { ...host, window: { spans: [] } })).toMatchObject({
    window: null,
    every: { kind: 'asked' },
  })
})

it.each([
  ['update', { 'com.centurylinklabs.watchtower.enable': 'false' }, undefined, 'off'],
  ['update', { 'com.centurylinklabs.watchtower.monitor-only': 'true' }, undefined, 'notify'],
  ['off', { 'com.centurylinklabs.watchtower.monitor-only': 'true' }, undefined, 'off'],
  ['off', { 'com.centurylinklabs.watchtower.enable': 'true' }, undefined, 'off'],
  ['update', { 'com.centurylinklabs.watchtower.enable': 'false' }, 'update', 'update'],
  ['update', { other: '1' }, undefined, 'update'],
  ['update', {}, false, 'off'],
] as const)('with WATCH=%s, labels %j and x-deployer %j a service is %s', (watch, labels, own, mode) => {
  const service = { image: 'app', labels, ...(own === undefined ? {} : { 'x-deployer': { watch: own } }) }
  expect(readWishes(stack(undefined, { web: service }), { ...host, watch }).modes).toEqual({ web: mode })
})

it.each([
  [{ watch: 'yes' }, /^watch of x-deployer must be off, notify or update, and is "yes"$/],
  [{ watch: true }, /watch of x-deployer/],
  [{ windwo: '02:00-05:00' }, /windwo, which means nothing/],
  [{ window: '2-5' }, /^window of x-deployer must be times such as .*, and is "2-5"$/],
  [{ window: '02:00-02:00' }, /window of x-deployer must be times such as/],
  [{ every: '0 0 30 2 *' }, /every of x-deployer must be .*, and is "0 0 30 2 \*"$/],
  [{ settle: [1] }, /settle of x-deployer must be .*, and is \[1\]$/],
  [{ every: '1m', min_age: '3 days' }, /every of x-deployer must be .*"1m"; min_age of x-deployer must be .*"3 days"/],
  [{ min_age: '3 days' }, /min_age of x-deployer must be a duration/],
  [{ every: '1m' }, /every of x-deployer must be a duration of 5 minutes/],
  ['update', /^x-deployer must be .*, and is "update"$/],
])('x-deployer %j is said to be malformed, and nothing is watched', (section, says) => {
  const { modes, problem } = readWishes(stack(section), host)
  expect(problem).toMatch(says)
  expect(modes).toEqual({ web: 'off' })
})

it('a malformed one of a service is named, and nothing of the stack is watched', () => {
  const services = { web: { image: 'app' }, db: { image: 'db', 'x-deployer': { watch: 'never' } } }
  const { modes, problem } = readWishes(stack(undefined, services), host)
  expect(problem).toContain('x-deployer of "db"')
  expect(modes).toEqual({ web: 'off', db: 'off' })
})

it('a label of Watchtower that says neither yes nor no counts for nothing, and is told', () => {
  const labels = { 'com.centurylinklabs.watchtower.enable': '0', 'com.centurylinklabs.watchtower.monitor-only': 'True' }
  expect(readWishes(stack(undefined, { db: { image: 'db', labels } }), host)).toMatchObject({
    modes: { db: 'notify' },
    problem: null,
    ignored: ['the label com.centurylinklabs.watchtower.enable of "db" must be true or false, and is "0"'],
  })
})

it('of what was found no more is said than is needed to find it', () => {
  expect(readWishes(stack({ window: 'x'.repeat(500) }), host).problem).toMatch(/, and is "x{59}…$/)
})
