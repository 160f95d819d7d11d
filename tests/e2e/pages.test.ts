import { afterAll, describe, expect, it } from 'vitest'
import { jobIdAt, writeEndedJob } from '../../lab/ended-job.ts'
import { HOSTILE, setScene } from '../../lab/operators-scene.ts'
import { playWorker } from '../../lab/play-worker.ts'
import { digestOf } from '../../lab/publish-stacks.ts'
import { until } from '../../lab/until.ts'
import { holdsKey, skipsKey } from '@deployer/shared/updates'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const scene = await setScene(redis.url)
const settings = { REDIS_URL: redis.url, DASHBOARD_USER: 'ana', DASHBOARD_PASSWORD: 'hunter22' }
const api = await world.start('api', settings)
const { client } = api
const login = { Authorization: `Basic ${Buffer.from('ana:hunter22').toString('base64')}` }
const worker = playWorker(redis.url, 'nas', 'media', () => ({}))
afterAll(async () => {
  await worker.close()
  scene.close()
})
await until('the stacks', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks.length === 9)

const page = (path: string, headers: Record<string, string> = {}) => client.raw('GET', path, { ...login, ...headers })
const tokenOf = (text: string) => /name="token" value="([^"]+)"/.exec(text)?.[1] ?? ''
const token = tokenOf((await page('/ui/stacks/nas/media')).text)
const media = '/ui/stacks/nas/media'

async function send(path: string, fields: Record<string, string>, headers: Record<string, string> = { Origin: client.url }) {
  const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const response = await fetch(client.url + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { ...login, ...type, ...headers },
    body: new URLSearchParams(fields),
  })
  return { status: response.status, to: response.headers.get('location') ?? '', text: await response.text() }
}
const jobs = async () => (await client.plain('GET', '/jobs?limit=500', 'jobs')).body.jobs as Record<string, unknown>[]
const told = (action: string) => api.logLines().filter((line) => line['event'] === 'ui_action' && line['action'] === action)

/** Every form that the pages have: where it goes, and with which fields. */
const queued = (await client.plain('POST', '/deploy/blog', 'blog')).body.job_id as string
const WRITES: [name: string, path: string, fields: Record<string, string>][] = [
  ['deploy', `${media}/deploy`, {}],
  ['plan', `${media}/plan`, {}],
  ['plan from the list', '/ui/plan', { stack: 'nas/media' }],
  ['check', `${media}/check`, {}],
  ['rollback', `${media}/rollback`, { to: '8' }],
  ['hold', `${media}/hold`, { reason: 'because', until: 'never' }],
  ['release-hold', '/ui/stacks/nas/wiki/release-hold', {}],
  ['skip', `${media}/skip`, { service: 'db', digest: digestOf('5') }],
  ['cancel', `/ui/jobs/${queued}/cancel`, {}],
  ['retry', `/ui/jobs/${scene.jobs.failed}/retry`, {}],
]

describe('the pages', () => {
  it('are there for whoever has the password of the dashboard, and for nobody else', async () => {
    const { client: without } = await world.start('api', { REDIS_URL: redis.url })
    for (const path of ['/', '/ui', media]) expect((await without.raw('GET', path, login)).status, path).toBe(404)
    for (const path of ['/ui', '/ui/style.css', '/ui/events', media, `/ui/jobs/${queued}`, `/ui/jobs/${queued}/events`]) {
      const stranger = await client.raw('GET', path)
      expect([stranger.status, stranger.headers.get('www-authenticate')], path).toEqual([401, expect.stringContaining('Basic')])
      // Neither what there is, nor who may look at it.
      expect(stranger.text).not.toMatch(/media|\bana\b/)
      const wrong = { Authorization: `Basic ${Buffer.from('ana:wrong').toString('base64')}` }
      expect((await client.raw('GET', path, wrong)).status, path).toBe(401)
    }
    for (const prefix of ['', '/tools/deployer']) {
      const root = await fetch(`${client.url}/`, { redirect: 'manual', headers: { 'X-Forwarded-Prefix': prefix } })
      expect([root.status, root.headers.get('location')]).toEqual([302, `${prefix}/ui`])
      const slash = await fetch(`${client.url}/ui/`, { redirect: 'manual', headers: { ...login, 'X-Forwarded-Prefix': prefix } })
      expect([slash.status, slash.headers.get('location')]).toEqual([302, `${prefix}/ui`])
    }
    expect((await page('/ui')).status).toBe(200)
  })

  it('say what is down, what waits for an update, what failed and what is happening, of all hosts', async () => {
    const { text, headers } = await page('/ui')
    for (const name of ['billing', 'blog', 'landing', 'mail', 'media', 'metrics', 'sandbox', 'shop', 'wiki']) expect(text).toContain(name)
    for (const word of [
      'Down',
      'Degraded',
      'Update in quarantine',
      'Update is cooling',
      'Held',
      'Rolled back',
      'Never started',
      'Drifted',
    ]) {
      expect(text).toContain(word)
    }
    expect(text).toMatch(/The host vps is away\.[\s\S]*Last heard of: <time datetime="[^"]+" title="[^"]+ UTC">3 h ago/)
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    )
    expect(text).not.toMatch(/<script(?! src=)| on[a-z]+=|<style| style="|https?:/)
    const filtered = await page('/ui?host=vps&show=all')
    expect(filtered.text).toMatch(/landing[\s\S]*1–2 of 2/)
    for (const show of ['held', 'drifted']) expect((await page(`/ui?show=${show}`)).text).toContain('1–1 of 1')
    expect((await page('/ui?show=nonsense&from=-1&name=%00')).status).toBe(200)
  })

  it('do not say of a job that has ended that something is to come', async () => {
    const { text } = await page(`/ui/jobs/${scene.jobs.refused}`)
    expect(text).toContain('No step was begun.')
    expect(text).not.toMatch(/No step has ended yet|Lines appear here/)
    expect((await page(`/ui/jobs/${queued}`)).text).toMatch(/No step has ended yet[\s\S]*Lines appear here/)
  })

  it('show what a deploy that was rolled back had tried', async () => {
    const { text } = await page(`/ui/jobs/${scene.jobs.rolledBack}`)
    expect(text).toMatch(/Taken back[\s\S]*grafana[\s\S]*11\.4\.1/)
    expect(text).not.toContain('No container was made anew.')
  })

  it('speak Portuguese to whoever likes it better, and know a proxy’s prefix', async () => {
    const { text } = await page('/ui', { 'Accept-Language': 'pt-BR,pt;q=0.9,en;q=0.5', 'X-Forwarded-Prefix': '/tools/deployer' })
    expect(text).toContain('<html lang="pt">')
    expect(text).toContain('Falhou desde ontem')
    expect(text).toContain('href="/tools/deployer/ui/stacks/nas/media"')
    expect(text).not.toMatch(/(?:href|src|action)="\/ui/)
  })

  it('show a problem as a page, and no secret', async () => {
    const missing = await page('/ui/stacks/nas/none')
    expect([missing.status, missing.headers.get('content-type')]).toEqual([404, 'text/html; charset=UTF-8'])
    expect(missing.text).toContain('There is no such stack')
    expect((await page('/ui/jobs/none')).status).toBe(404)
    expect((await page('/ui/nothing')).status).toBe(404)
    expect((await page('/ui')).text).not.toContain(world.secret)
  })

  it('follow a job live', async () => {
    const { body } = await client.plain('POST', '/deploy/media', 'media')
    for (const path of ['/ui/events', `/ui/jobs/${body.job_id}/events`]) {
      const head = await client.raw('HEAD', path, login)
      expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    }
    const response = await fetch(`${client.url}/ui/jobs/${body.job_id}/events`, { headers: login })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(await response.text()).toMatch(/event: done\ndata: \{"job_id":"[^"]+","stack":"media"[^\n]+\n/)
  })
})

describe('a form of the pages', () => {
  it.each(WRITES)('is refused when another site sends it: %s', async (_, path, fields) => {
    const [before, holds] = [await jobs(), await scene.redis.hgetall(holdsKey('nas'))]
    const forgeries: [what: string, token: string, headers: Record<string, string>][] = [
      ['a cross-site form', token, { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' }],
      ['a form of a neighbouring site', token, { 'Sec-Fetch-Site': 'same-site' }],
      ['an old browser', token, { Origin: 'https://evil.example' }],
      ['a page without an origin', token, { Origin: 'null' }],
      ['no browser', token, {}],
      ['no token', '', { Origin: client.url }],
      ['a token of somewhere else', `${token.slice(0, -2)}AA`, { 'Sec-Fetch-Site': 'same-origin' }],
    ]
    for (const [what, forged, headers] of forgeries) {
      const answer = await send(path, { ...fields, ...(forged ? { token: forged } : {}) }, headers)
      expect([what, answer.status]).toEqual([what, 403])
    }
    const json = await fetch(client.url + path, {
      method: 'POST',
      headers: { ...login, Origin: client.url, 'Content-Type': 'text/plain' },
      body: `token=${token}`,
    })
    expect(json.status).toBe(422)
    expect(
      (await fetch(client.url + path, { method: 'POST', headers: { Origin: client.url }, body: new URLSearchParams({ ...fields, token }) }))
        .status,
    ).toBe(401)
    expect(await jobs()).toHaveLength(before.length)
    expect(await scene.redis.hgetall(holdsKey('nas'))).toEqual(holds)
    expect(await scene.redis.hgetall(skipsKey('nas'))).toEqual({})
  })

  it.each([
    ['deploy', { action: 'deploy', source: 'request' }],
    ['plan', { action: 'plan', source: 'request' }],
    ['plan from the list', { action: 'plan', source: 'request' }],
    ['check', { action: 'check', source: 'request' }],
    ['rollback', { action: 'rollback', to: 8, source: 'request' }],
    ['retry', { action: 'deploy', source: 'retry', stack: 'shop' }],
  ])('makes the job that it names, and shows it: %s', async (name, expected) => {
    const [, path, fields] = WRITES.find(([one]) => one === name) ?? ['', '', {}]
    const { status, to } = await send(path, { ...fields, token })
    expect([status, to]).toEqual([303, expect.stringMatching(/^\/ui\/jobs\/[0-9a-f-]{36}$/)])
    const id = to.split('/').at(-1) ?? ''
    expect((await client.plain('GET', `/jobs/${id}`, id)).body).toMatchObject({ stack: 'media', ...expected, by: 'ui:ana' })
    expect((await page(to)).text).toContain('ana, on a page')
    const line = await until('its line in the log', () =>
      api.logLines().find(({ event, job_id }) => event === 'ui_action' && job_id === id),
    )
    expect(line).toMatchObject({ user: 'ana', stack: expect.any(String), host: 'nas' })
  })

  it('holds a stack with a reason, releases it, and skips an image', async () => {
    const held = await send(`${media}/hold`, { token, reason: `  ${HOSTILE}  `, until: '8h' })
    expect([held.status, held.to]).toEqual([303, media])
    const hold = JSON.parse((await scene.redis.hget(holdsKey('nas'), 'media')) ?? '')
    expect(hold).toMatchObject({ reason: HOSTILE.trim(), by: 'ui:ana' })
    expect(Date.parse(hold.until) - Date.parse(hold.since)).toBe(8 * 3_600_000)
    const shown = (await page(media)).text
    expect(shown).toContain('&lt;img src=x')
    expect(shown).not.toContain('<img src=x')
    expect((await page('/ui?show=held')).text).toContain('1–2 of 2')
    expect((await send(`${media}/release-hold`, { token })).status).toBe(303)
    expect(await scene.redis.hexists(holdsKey('nas'), 'media')).toBe(0)
    const blank = await send(`${media}/hold`, { token, reason: ' ', until: 'never' })
    expect([blank.status, blank.text]).toEqual([422, expect.stringContaining('reason: A hold has a reason.</p>')])
    expect((await send(`${media}/hold`, { token, reason: 'x'.repeat(501), until: 'never' })).status).toBe(422)
    expect((await send(`${media}/hold`, { token, reason: 'x'.repeat(20_000), until: 'never' })).status).toBe(413)

    expect((await send(`${media}/skip`, { token, service: 'db', digest: digestOf('9') })).status).toBe(422)
    expect((await send(`${media}/skip`, { token, service: 'db', digest: digestOf('5') })).status).toBe(303)
    expect(await scene.redis.hgetall(skipsKey('nas'))).toEqual({ 'media/db': digestOf('5') })
    expect((await page(media)).text).toContain('Update skipped')
    await until('the last line in the log', () => told('skip').length > 0)
    expect(['hold', 'release_hold', 'skip'].map((action) => told(action).length)).toEqual([1, 1, 1])
  })

  it('cancels a job once', async () => {
    const { status, to } = await send(`/ui/jobs/${queued}/cancel`, { token })
    expect([status, to]).toEqual([303, `/ui/jobs/${queued}`])
    const canceled = (await page(to)).text
    expect(canceled).toContain('The job was canceled before it began.')
    expect(canceled).not.toContain('Why it failed')
    const again = await send(`/ui/jobs/${queued}/cancel`, { token })
    expect(again.status).toBe(409)
    expect(again.text).toContain('It is too late to cancel')
    await until('its line in the log', () => told('cancel').length > 0)
    expect(told('cancel')).toHaveLength(1)
  })

  it('goes to no release that is not kept, and to no stack that is not there', async () => {
    expect((await send(`${media}/rollback`, { token, to: '99' })).status).toBe(404)
    expect((await send(`${media}/rollback`, { token, to: 'x' })).status).toBe(422)
    expect((await send('/ui/stacks/vps/media/deploy', { token })).status).toBe(404)
    expect((await send('/ui/plan', { token, stack: 'nas/none' })).status).toBe(404)
  })
})

describe('text of somebody else', () => {
  it('is shown as text', async () => {
    const steps = scene.redis.pipeline()
    const id = writeEndedJob(
      steps,
      77,
      { stack: 'blog', host: 'nas', action: 'deploy', source: 'request', caller: HOSTILE },
      {
        finished: Date.now() + 60_000,
        state: 'failed',
        code: 'step_failed',
        message: HOSTILE,
        steps: [{ name: 'up', ok: false, exit_code: 1, duration_ms: 1, tail: HOSTILE }],
        changes: [
          {
            service: HOSTILE,
            image: HOSTILE,
            why: 'image',
            from: HOSTILE,
            to: HOSTILE,
            from_digest: null,
            to_digest: null,
            from_version: HOSTILE,
            to_version: HOSTILE,
            source: HOSTILE,
          },
        ],
        degraded: [HOSTILE],
      },
    )
    await steps.exec()
    for (const path of [`/ui/jobs/${id}`, '/ui', '/ui/stacks/nas/blog']) {
      const { text } = await page(path)
      expect(text).toContain('&lt;img src=x')
      expect(text).not.toMatch(/<img src=x|<script>|onerror="/)
    }
    expect((await page(`/ui?name=${encodeURIComponent(HOSTILE)}`)).text).not.toMatch(/<img src=x|<script>|onerror="/)
    expect((await page(`/ui/jobs/${jobIdAt(0, 1)}`)).status).toBe(404)
  })
})

it('without Redis nothing is accepted, and the page says so', async () => {
  await redis.stop()
  await until('that to be known', async () => (await page('/ui')).text.includes('nothing can be shown'))
  for (const [name, path, fields] of WRITES.filter(([, path]) => !path.startsWith('/ui/jobs'))) {
    const { status, text } = await send(path, { ...fields, token })
    expect([name, status, text]).toEqual([name, 503, expect.stringContaining('Redis cannot be reached. Nothing was accepted: try again.')])
  }
  await redis.start()
  await until('the pages again', async () => (await page('/ui')).status === 200)
})
