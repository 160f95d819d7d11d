import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { hmac } from '../../lab/client.ts'
import { createRandom } from '../../lab/random.ts'
import { publishStacks } from '../../lab/publish-stacks.ts'
import { startRegistry } from '../../lab/registry.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { engine, useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const images = {
  media: { web: 'ghcr.io/me/app:latest', cache: 'redis:8' },
  blog: { web: 'me/blog', db: 'quay.io/me/db@sha256:abc' },
  shop: { web: 'harbor.example.com/shop/web', api: 'git.example.com/me/api', job: 'registry.gitlab.com/group/app/job' },
}
await publishStacks(redis.url, 'nas', Object.keys(images), {}, images)
const SECRET = 'the-secret-of-every-hook'
const TOKEN = 'a-token-that-stands-in-an-address'
const senders = ['github', 'gitea', 'harbor', 'distribution', 'gitlab']
const file = join(world.root, '.keys.yaml')
const hook = (id: string, from: string, secret: string, more = '') => `  - {id: ${id}, from: ${from}, secret: ${secret}${more}}\n`
writeFileSync(
  file,
  `hooks:\n${senders.map((from) => hook(from, from, SECRET)).join('')}${['dockerhub', 'quay'].map((from) => hook(from, from, TOKEN)).join('')}` +
    hook('narrow', 'github', SECRET, ', images: [ghcr.io/me/other, "quay.io/*"]') +
    hook('wide', 'github', SECRET, ', images: ["ghcr.io/me/*"]'),
)
const settings = { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: file, METRICS_TOKEN: 'a-token-for-metrics' }
const api = await world.start('api', settings)
const { client } = api
await until('the stacks', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks.length === 3)

type Headers = Record<string, string>
const SIGNED: Record<string, (body: string, secret: string) => Headers> = {
  github: (body, secret) => ({ 'X-Hub-Signature-256': `sha256=${hmac(secret, body)}`, 'X-GitHub-Event': 'registry_package' }),
  gitea: (body, secret) => ({ 'X-Gitea-Signature': hmac(secret, body), 'X-Gitea-Event': 'package' }),
  gitlab: (_, secret) => ({ 'X-Gitlab-Token': secret, 'X-Gitlab-Event': 'Pipeline Hook' }),
  harbor: (_, secret) => ({ Authorization: secret }),
  distribution: (_, secret) => ({ Authorization: `Bearer ${secret}` }),
}
const PAYLOADS: Record<string, unknown> = {
  github: {
    action: 'published',
    registry_package: { package_type: 'CONTAINER', package_version: { package_url: 'ghcr.io/me/app:latest' } },
  },
  gitea: {
    action: 'created',
    package: { type: 'container', name: 'api', owner: { login: 'me' }, html_url: 'https://git.example.com/me/-/packages' },
  },
  gitlab: { object_kind: 'pipeline', object_attributes: { status: 'success' }, project: { path_with_namespace: 'group/app' } },
  harbor: { type: 'PUSH_ARTIFACT', event_data: { resources: [{ resource_url: 'harbor.example.com/shop/web:1' }] } },
  distribution: {
    events: [
      {
        action: 'push',
        target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', repository: 'me/app' },
        request: { host: 'ghcr.io' },
      },
    ],
  },
  dockerhub: { push_data: { tag: 'latest' }, repository: { repo_name: 'me/blog' } },
  quay: { docker_url: 'quay.io/me/db', updated_tags: ['latest'] },
}
const MATCHED: Record<string, string> = {
  github: 'media/web',
  gitea: 'shop/api',
  gitlab: 'shop/job',
  harbor: 'shop/web',
  distribution: 'media/web',
  dockerhub: 'blog/web',
  quay: 'blog/db',
}
const post = (path: string, payload: unknown, headers: Headers = {}) => client.raw('POST', path, headers, JSON.stringify(payload))
function send(
  from: string,
  { id = from, payload = PAYLOADS[from], secret = SECRET }: { id?: string; payload?: unknown; secret?: string } = {},
) {
  const sign = SIGNED[from]
  return sign ? post(`/hooks/${id}`, payload, sign(JSON.stringify(payload), secret)) : post(`/hooks/${id}/${secret}`, payload)
}
const jobs = async () => (await client.plain('GET', '/jobs?limit=999', 'jobs')).body.jobs as any[]

describe("a registry's hook", () => {
  it.each(Object.keys(PAYLOADS))(
    'of %s has the services of its repository checked, once for each stack, and nothing else done',
    async (from) => {
      const secret = SIGNED[from] ? SECRET : TOKEN
      const [first, second] = [await send(from, { secret }), await send(from, { secret })]
      expect([first.status, first.body]).toEqual([202, { matched: [MATCHED[from]] }])
      expect([second.status, second.body]).toEqual([202, { matched: [MATCHED[from]] }])
      const [stack] = (MATCHED[from] ?? '').split('/')
      const checks = (await jobs()).filter((job) => job.stack === stack)
      expect(checks).toHaveLength(1)
      expect(checks[0]).toMatchObject({ action: 'check', source: 'hook', state: 'queued', by: expect.stringMatching(/^hook:/) })
    },
  )

  it('about what nothing runs is taken all the same, and starts nothing', async () => {
    const before = (await jobs()).length
    const elsewhere = {
      action: 'published',
      registry_package: { package_type: 'CONTAINER', package_version: { package_url: 'ghcr.io/you/app' } },
    }
    for (const payload of [elsewhere, { zen: 'ping' }, {}, [], 7]) {
      const { status, body } = await send('github', { payload })
      expect([status, body]).toEqual([202, { matched: [] }])
    }
    expect(await jobs()).toHaveLength(before)
  })

  it('counts for the images that its own globs fit', async () => {
    expect((await send('github', { id: 'narrow' })).body).toEqual({ matched: [] })
    expect((await send('github', { id: 'wide' })).body).toEqual({ matched: ['media/web'] })
  })

  it('adds its services to the check that another one waits for, and whoever asks for the stack gets all of it', async () => {
    const waiting = async () => {
      const { job_id } = (await jobs()).find(({ stack, action, state }) => stack === 'media' && action === 'check' && state === 'queued')
      return JSON.parse((await redis.cli('hget', `deployer:media@nas:${job_id}`, 'data')).trim())
    }
    await send('github')
    expect(await waiting()).toMatchObject({ only: { web: images.media.web }, caller: 'hook:github' })
    await send('dockerhub', { payload: { push_data: { tag: '8' }, repository: { repo_name: 'library/redis' } }, secret: TOKEN })
    expect(await waiting()).toMatchObject({ only: images.media, source: 'hook', caller: 'hook:dockerhub' })
    expect((await client.timed('POST', '/stacks/media/check')).body).toMatchObject({ coalesced: true })
    expect(await waiting()).toEqual({ stack: 'media', host: 'nas', action: 'check', source: 'request', caller: 'default' })
    await send('github')
    expect(await waiting()).not.toHaveProperty('only')
  })

  it('that is not known is answered as one with a wrong proof', async () => {
    const answers = []
    for (const from of [...senders, 'dockerhub', 'quay']) {
      answers.push(await send(from, { secret: 'another-secret-altogether' }), await send(from, { id: 'nobody' }))
      answers.push(await send(from, { secret: SECRET.slice(1) }))
    }
    // Another sender's proof, and a secret in the address of one that can sign.
    answers.push(
      await send('gitlab', { id: 'github' }),
      await send('github', { id: 'harbor' }),
      await post(`/hooks/github/${SECRET}`, PAYLOADS['github']),
    )
    answers.push(await post('/hooks/dockerhub', PAYLOADS['dockerhub'], { Authorization: TOKEN }), await post(`/hooks/gitea/${SECRET}`, {}))
    for (const { status, body } of answers) expect([status, body]).toEqual([401, answers[0]?.body])
    expect(answers[0]?.body.code).toBe('signature_invalid')
    const bare = [await post('/hooks/github', {}), await post('/hooks/nobody', {}), await post('/hooks/dockerhub', {})]
    for (const { status, body } of bare) expect([status, body]).toEqual([401, bare[0]?.body])
    expect(bare[0]?.body.code).toBe('signature_missing')
  })

  it('is good for nothing else', async () => {
    const body = JSON.stringify(PAYLOADS['github'])
    for (const path of ['/deploy/media', '/stacks/media/check', '/stacks/media/hold']) {
      for (const from of senders) {
        const method = path.endsWith('hold') ? 'PUT' : 'POST'
        expect((await client.raw(method, path, SIGNED[from]?.(body, SECRET), body)).status).toBe(401)
      }
    }
    expect((await client.plain('POST', '/deploy/media', 'media', undefined, { 'X-Key-Id': 'github' })).status).toBe(401)
    expect([(await client.raw('GET', '/hooks/github')).status, (await client.raw('PUT', '/hooks/github')).status]).toEqual([405, 405])
  })

  it('that is forged with the right secret can start checks, and nothing but checks', async () => {
    const random = createRandom(7)
    const words = [
      'ghcr.io/me/app',
      'media',
      '../../etc',
      'deploy',
      { action: 'deploy', only: { web: 'sha256:0' } },
      ['x'],
      null,
      7,
      '',
      'sha256:0',
      '__proto__',
    ]
    const make = (depth: number): unknown =>
      depth === 0
        ? words[random.below(words.length)]
        : Object.fromEntries(
            [
              'action',
              'events',
              'registry_package',
              'package',
              'repository',
              'target',
              'stack',
              'data',
              'docker_url',
              'expect',
              'host',
            ].map((key) => [key, random.below(3) === 0 ? [make(depth - 1)] : make(depth - 1)]),
          )
    for (const from of [...senders, 'dockerhub', 'quay']) {
      for (let round = 0; round < 20; round++) {
        const { status, text } = await send(from, { payload: make(1 + (round % 3)), secret: SIGNED[from] ? SECRET : TOKEN })
        expect(status, text).toBe(202)
      }
      const text = 'no json {'
      const headers = SIGNED[from]?.(text, SECRET) ?? {}
      const bad = await client.raw('POST', SIGNED[from] ? `/hooks/${from}` : `/hooks/${from}/${TOKEN}`, headers, text)
      expect([bad.status, bad.body.code]).toEqual([400, 'invalid_json'])
    }
    expect(new Set((await jobs()).map(({ action }) => action))).toEqual(new Set(['check']))
  })

  it('keeps its secret out of log, metrics and answers, the right one and any other', async () => {
    const wrong = 'a-wrong-token-that-somebody-has-typed'
    await post(`/hooks/dockerhub/${wrong}`, {})
    await post(`//hooks/dockerhub/${wrong}`, {})
    await post(`/hooks/${wrong}`, {}, { Authorization: wrong })
    const limited = await world.start('api', { ...settings, RATE_LIMIT_PER_MIN: '2' })
    const answers = []
    for (const path of [
      `/hooks/dockerhub/${TOKEN}`,
      `/hooks/dockerhub/${wrong}`,
      `/hooks/%64ockerhub/${wrong}`,
      `/hooks/quay/${wrong}/more`,
    ]) {
      for (let count = 0; count < 4; count++) answers.push(await limited.client.raw('POST', path, {}, '{}'))
    }
    expect(answers.map(({ status }) => status)).toEqual(expect.arrayContaining([202, 401, 429]))
    const metrics = await limited.client.raw('GET', '/metrics', { Authorization: 'Bearer a-token-for-metrics' })
    const refused = await until('the refusals', () => {
      const lines = limited.logLines().filter(({ event }) => event === 'request_refused')
      return lines.length >= 5 && lines
    })
    expect(refused).toContainEqual(expect.objectContaining({ path: '/hooks/…', hook: 'dockerhub' }))
    const told = [metrics.text, limited.output(), api.output(), ...answers.map(({ text, headers }) => text + JSON.stringify([...headers]))]
    for (const text of told) for (const secret of [TOKEN, wrong, SECRET]) expect(text).not.toContain(secret)
  })
})

describe('a registry that tells of its pushes', () => {
  it('has the services that run its image checked, by its own notifications, and no others asked for', async () => {
    const registry = await startRegistry(undefined, { url: `${client.url}/hooks/distribution`, authorization: `Bearer ${SECRET}` })
    afterAll(() => registry.stop())
    const image = `${registry.address}/team/told:latest`
    await publishImage(engine, image, 'v1')
    const other = `${registry.address}/team/other:latest`
    await publishImage(engine, other, 'v1')
    const stack = await world.addStack('told', webFile(image, `  other: { image: "${other}" }\n`))
    await stack.compose('up', '-d')
    await world.start('worker', settings)
    const checks = async () => (await jobs()).filter((job) => job.stack === stack.name)
    await until('the stack', async () =>
      (await client.plain('GET', '/stacks', 'stacks')).body.stacks.some((one: any) => one.stack === stack.name && one.running),
    )
    // What was pulled is no news.
    expect(await checks()).toEqual([])
    await publishImage(engine, image, 'v2')
    const job = await until('the check', async () => (await checks())[0])
    expect(job).toMatchObject({ action: 'check', source: 'hook', by: 'hook:distribution', host: world.settings['WORKER_NAME'] })
    await until('its end', async () => (await checks()).every(({ ok }) => ok !== null))
    const tails = async () => (await checks()).map(({ steps }) => steps[0].tail)
    expect(await tails()).toEqual([expect.stringMatching(/^web \S+ has sha256:\S+ \(notify\)\n$/)])
    // Whoever asks for the stack while such a check waits gets all of it.
    const reply = await client.timed('POST', `/stacks/${stack.name}/check?wait=true`)
    expect(reply.body.steps[0].tail).toContain('other ')
  })
})
