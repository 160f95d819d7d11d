import { expect, it } from 'vitest'
import type { Finding } from '@deployer/shared/finding'
import { Settings } from '@deployer/shared/settings-schema'
import { checkChannels } from './check-channels.ts'

const TOKEN = 'a-token-that-nobody-may-see-1'
const URLS = `discord://123456789/${TOKEN} ntfys://me:${TOKEN}@ntfy.example.com/deploys tgram://123:${TOKEN}/-1/-2`

function check(settings: Record<string, string>, isWatched: boolean | null = true): Finding[] {
  const findings: Finding[] = []
  checkChannels(Settings.parse(settings), isWatched, (one) => void findings.push(one))
  expect(JSON.stringify(findings)).not.toContain(TOKEN)
  return findings
}
const about = (findings: Finding[], text: string) => findings.find(({ what }) => what.includes(text))

it('names each channel by its kind, and never by its URL', () => {
  expect(check({ NOTIFY_URLS: URLS, PUBLIC_URL: 'https://d.example.org' })).toEqual([
    { level: 'ok', what: 'NOTIFY_URLS, as it is set here, names 1 discord, 2 ntfys, 3 tgram (2 receivers)', todo: '' },
  ])
})

it('one that is malformed is named by position and scheme', () => {
  expect(check({ NOTIFY_URLS: `discord://123456789/${TOKEN} slack://${TOKEN}`, PUBLIC_URL: 'https://d.example.org' })).toEqual([
    expect.objectContaining({ level: 'mend', what: expect.stringContaining('URL 2 of 2 (slack://…)') as string }),
  ])
})

it('none is a hint, which does not guess at what the API has', () => {
  expect(check({})).toEqual([
    {
      level: 'hint',
      what: 'NOTIFY_URLS is not set here, so the channels were not looked at',
      todo: expect.stringMatching(/If the API has none either, nobody is told of failures, nor of new images/) as string,
    },
  ])
  expect(check({}, false)[0]?.todo).not.toContain('new images')
})

it('what signs JSON is not missed where the secret cannot be seen', () => {
  const json = { NOTIFY_URLS: 'jsons://example.org/', PUBLIC_URL: 'https://d.example.org' }
  expect(check(json)[0]?.level).toBe('ok')
  expect(check({ ...json, DEPLOY_SECRET: 'x'.repeat(32) })[0]?.level).toBe('ok')
  expect(check({ ...json, DEPLOY_KEYS_FILE: '/run/keys/keys.yaml' })[0]).toMatchObject({
    level: 'mend',
    what: expect.stringContaining('whsec_') as string,
  })
})

it.each([
  ['https://deploy.example.com', 'of the documentation'],
  ['http://127.0.0.1:8080', 'leads nowhere'],
  ['http://localhost:8080', 'leads nowhere'],
  [`https://me:${TOKEN}@d.example.org`, 'holds a login'],
  ['https://d.example.org/ui', 'ends with a page'],
  ['https://d.example.org/?a=b', 'query'],
  ['https://d.example.org/#a', 'query'],
])('PUBLIC_URL %s: %s', (PUBLIC_URL, text) => {
  expect(about(check({ NOTIFY_URLS: URLS, PUBLIC_URL }), text)).toMatchObject({
    level: 'hint',
    what: expect.stringContaining('PUBLIC_URL') as string,
  })
})

it('channels without a PUBLIC_URL tell without a link', () => {
  expect(about(check({ NOTIFY_URLS: URLS }), 'no link')).toMatchObject({
    level: 'hint',
    todo: expect.stringContaining('PUBLIC_URL') as string,
  })
  expect(about(check({}), 'no link')).toBeUndefined()
})

it('a PING_URL that already says how it went, or that nothing pings, is told', () => {
  const PING_URL = `https://hc.example.org/${TOKEN}`
  expect(about(check({ PING_URL }), 'PING_URL')).toBeUndefined()
  expect(about(check({ PING_URL: `${PING_URL}/fail` }), 'PING_URL ends with /fail')).toMatchObject({ level: 'hint' })
  expect(about(check({ PING_URL: `${PING_URL}/start?x=1` }), 'PING_URL ends with /start')).toMatchObject({ level: 'hint' })
  expect(about(check({ PING_URL }, false), 'PING_URL')).toMatchObject({
    level: 'hint',
    what: expect.stringContaining('no stack of this host is watched') as string,
  })
  expect(about(check({ PING_URL }, null), 'PING_URL')).toBeUndefined()
})
