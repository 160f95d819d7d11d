import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Finding } from '@deployer/shared/finding'
import { machineClock } from '../clock.ts'
import { NoAnswer, type Clock } from '../ports.ts'
import type { AskRegistry } from '../watch/ask-registries.ts'
import type { StackLook } from '../watch/look-at-stacks.ts'
import { checkRegistries } from './check-registries.ts'

function look(stack: string, images: Record<string, { image: string; running?: string[]; isBuilt?: boolean }>): StackLook {
  const sightings = Object.entries(images).map(([service, { image, running = ['old'], isBuilt = false }]) => {
    return { service, image, mode: 'update' as const, running, isBuilt, unwanted: false, labels: {} }
  })
  const wishes = { every: { kind: 'asked' as const }, window: null, minAge: 0, settle: 0, modes: {}, problem: null, ignored: [] }
  return { stack, dir: mkdtempSync(join(tmpdir(), 'deployer-doctor-')), wishes, services: {}, sightings }
}

async function check(looks: StackLook[], ask: AskRegistry, pauses: Record<string, string> = {}, clock: Clock = machineClock) {
  const findings: Finding[] = []
  const folderOf = (stack: string) => `/opt/stacks/${stack}`
  await checkRegistries(looks, { ask, pauses, clock, folderOf }, (one) => void findings.push(one))
  return findings
}

it('asks for each name once, and says of each that fails who has it, why, and what to do', async () => {
  const asked: string[] = []
  const ask: AskRegistry = async (image) => {
    asked.push(image)
    if (image.includes('closed')) throw new NoAnswer('no basic auth credentials', 404)
    return 'new'
  }
  const closed = 'reg.example.com/closed:1'
  const media = look('media', { web: { image: closed }, db: { image: 'reg.example.com/db:1' } })
  const findings = await check([media, look('blog', { app: { image: closed }, db: { image: 'reg.example.com/db:1' } })], ask)
  expect(asked.sort()).toEqual([closed, 'reg.example.com/db:1'])
  expect(findings).toEqual([
    { level: 'ok', what: 'Registries answer for 1 of 2 watched images', todo: '' },
    {
      level: 'mend',
      what: expect.stringMatching(
        /^No new image of reg\.example\.com\/closed:1 \(media\/web, blog\/app\) is seen, since reg\.example\.com .*wants a login.*: no basic auth credentials$/,
      ) as string,
      todo: expect.stringContaining('--config /opt/stacks/media/.docker login reg.example.com') as string,
    },
  ])
  expect(readdirSync(media.dir)).toEqual([])
})

it('what was built here is no failure, and is not asked for', async () => {
  const ask: AskRegistry = async () => Promise.reject(new Error('asked'))
  expect(
    await check([look('media', { web: { image: 'here:1', running: [] }, built: { image: 'media-built', isBuilt: true } })], ask),
  ).toEqual([])
})

it('a registry that wants to be left alone is', async () => {
  const ask: AskRegistry = async () => Promise.reject(new Error('asked'))
  const pauses = { 'reg.example.com': '2999-01-01T00:00:00.000Z' }
  const findings = await check([look('media', { web: { image: 'reg.example.com/app:1' } })], ask, pauses)
  expect(findings.map(({ level }) => level)).toEqual(['hint'])
})

it('takes no longer than it may, however many do not answer, and says which were not asked', async () => {
  const over = new AbortController()
  const clock: Clock = {
    ...machineClock,
    timeout: (milliseconds) => (milliseconds === 45_000 ? over.signal : new AbortController().signal),
  }
  let open = 0
  const ask: AskRegistry = (_, __, signal) => {
    if (++open === 4) over.abort(new Error('The operation was aborted due to timeout'))
    return new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason as Error)
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  }
  const images = Array.from({ length: 9 }, (_, index) => [`s${index}`, { image: `r${index}.example.com/app:1` }])
  const findings = await check([look('media', Object.fromEntries(images) as Parameters<typeof look>[1])], ask, {}, clock)
  expect(open).toBe(4)
  expect(findings.filter(({ what }) => what.includes('cannot be reached'))).toHaveLength(4)
  expect(findings.filter(({ what, level }) => what.includes('no time left') && level === 'hint')).toHaveLength(5)
})

it('nothing of a login is said', async () => {
  const stack = look('media', { web: { image: 'reg.example.com/app:1' } })
  mkdirSync(join(stack.dir, '.docker'))
  const auth = Buffer.from('me:a-password-of-doctor').toString('base64')
  writeFileSync(join(stack.dir, '.docker/config.json'), JSON.stringify({ auths: { 'reg.example.com': { auth } } }))
  const ask: AskRegistry = async (_, login) => Promise.reject(new NoAnswer(`unauthorized: ${login?.password}`, 404))
  const findings = await check([stack], ask)
  expect(findings.at(-1)?.what).toContain('does not take the login')
  expect(JSON.stringify(findings)).not.toContain('a-password-of-doctor')
})
