import { createSecretKey } from 'node:crypto'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { generateKeyPair, UnsecuredJWT } from 'jose'
import { startIssuer } from '../../lab/issuer.ts'
import { publishStacks } from '../../lab/publish-stacks.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useRedis, useWorld } from '../support.ts'

const AUDIENCE = 'https://deploy.example.com'
const world = useWorld()
const redis = await useRedis()
const issuer = await startIssuer()
const stranger = await startIssuer()
const direct = await startIssuer()
const impostor = await startIssuer(issuer.url)
afterAll(() => Promise.all([issuer, stranger, direct, impostor].map((one) => one.stop())))
const media = await world.addStack('media', webFile('127.0.0.1:1/never-pulled'))
const other = await world.addStack('other', webFile('127.0.0.1:1/never-pulled'))
const file = join(world.root, '.keys.yaml')
writeFileSync(
  file,
  `oidc:
  - issuer: ${issuer.url}
    audience: ${AUDIENCE}
    rules:
      - claims: {repository: me/media, ref: refs/heads/main}
        stacks: ["media-*"]
        actions: [deploy, read]
      - claims: {repository: me/*, environment: production}
        stacks: ["*"]
        actions: [deploy, read, cancel, rollback]
      - claims: {repository: me/preview, event_name: pull_request}
        stacks: ["media-*"]
        actions: [deploy, read]
  - issuer: ${impostor.url}
    audience: ${AUDIENCE}
    rules:
      - claims: {repository: me/media}
        stacks: ["*"]
        actions: [read]
  - issuer: ${direct.url}
    audience: ${AUDIENCE}
    jwks_uri: ${direct.url}/keys
    rules:
      - claims: {sub: robot}
        stacks: ["*"]
        actions: [read]
`,
)
await world.start('worker', { REDIS_URL: redis.url })
const api = await world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: file })
const { client } = api
await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)

const claims = { aud: AUDIENCE, sub: 'repo:me/media:ref:refs/heads/main', repository: 'me/media', ref: 'refs/heads/main' }
const request = async (token: string, method = 'POST', path = `/deploy/${media.name}`) => {
  const { status, body } = await client.raw(method, path, { Authorization: `Bearer ${token}` })
  return [status, body.code ?? null]
}

describe('a token', () => {
  it('deploys and reads the stacks of the rule that its claims fit', async () => {
    const token = await issuer.token(claims)
    expect(await request(token, 'POST', `/deploy/${media.name}?wait=1`)).toEqual([409, 'not_running'])
    expect(await request(token, 'GET', '/stacks')).toEqual([200, null])
    const { body } = await client.raw('GET', '/stacks', { Authorization: `Bearer ${token}` })
    expect(body.stacks.map(({ stack }: any) => stack)).toEqual([media.name])
    expect(await request(token, 'POST', `/deploy/${other.name}`)).toEqual([404, 'stack_not_found'])
    expect(await request(token, 'POST', `/stacks/${media.name}/rollback`)).toEqual([403, 'forbidden'])
    const queued = api.logLines().find(({ event }) => event === 'job_queued')
    expect(queued).toMatchObject({ caller: expect.stringContaining('repo:me/media:ref:refs/heads/main') })
    expect(api.output()).not.toContain(token)
  })

  it('needs no timestamp for anything, and is good for every rule that it fits', async () => {
    const token = await issuer.token({ ...claims, repository: 'me/blog', environment: 'production' })
    expect(await request(token, 'POST', `/stacks/${other.name}/rollback?wait=1`)).toEqual([409, 'not_running'])
    expect(await request(token, 'POST', `/stacks/${other.name}/rollback?wait=1`)).toEqual([409, 'not_running'])
  })

  it('of an issuer whose keys are named in the file is good too', async () => {
    expect(await request(await direct.token({ aud: AUDIENCE, sub: 'robot' }), 'GET', '/stacks')).toEqual([200, null])
  })

  it.each(['push', 'workflow_dispatch', 'schedule', 'release', 'repository_dispatch'])(
    'of a workflow that ran at %s is good',
    async (event_name) => {
      expect(await request(await issuer.token({ ...claims, event_name }), 'GET', '/stacks')).toEqual([200, null])
    },
  )

  it.each(['pull_request_target', 'pull_request', 'issue_comment', 'workflow_run', 'something_new'])(
    'of a workflow that ran at %s, which others can bring about, is refused where no rule names that event',
    async (event_name) => {
      expect(await request(await issuer.token({ ...claims, event_name }))).toEqual([401, 'token_invalid'])
    },
  )

  it('of an event that a rule names is good for that rule', async () => {
    const preview = { ...claims, repository: 'me/preview', ref: 'refs/pull/7/merge' }
    expect(await request(await issuer.token({ ...preview, event_name: 'pull_request' }), 'GET', '/stacks')).toEqual([200, null])
    expect(await request(await issuer.token({ ...preview, event_name: 'push' }), 'GET', '/stacks')).toEqual([401, 'token_invalid'])
  })

  it('of an issuer whose discovery document names another one is not believed', async () => {
    expect(await request(await impostor.token(claims), 'GET', '/stacks')).toEqual([503, 'issuer_unavailable'])
  })

  const now = () => Math.floor(Date.now() / 1000)
  it.each([
    ['of another issuer', () => stranger.token(claims)],
    ['that claims an issuer that did not sign it', async () => stranger.token({ ...claims, iss: issuer.url })],
    ['for another audience', () => issuer.token({ ...claims, aud: 'https://elsewhere.example.com' })],
    ['without an audience', () => issuer.token({ ...claims, aud: undefined as unknown as string })],
    ['that has expired', () => issuer.token({ ...claims, exp: now() - 5 })],
    ['that never expires', () => issuer.token({ ...claims, exp: undefined as unknown as number })],
    ['that is not good yet', () => issuer.token({ ...claims, nbf: now() + 60 })],
    ['of another repository', () => issuer.token({ ...claims, repository: 'you/media' })],
    ['of another branch', () => issuer.token({ ...claims, ref: 'refs/heads/main2' })],
    ['with no algorithm', async () => new UnsecuredJWT({ ...claims, iss: issuer.url, exp: now() + 60 }).encode()],
    [
      'signed with the public key as a secret (HS256)',
      async () => {
        const secret = createSecretKey(Buffer.from(await issuer.publicPem()))
        return issuer.token(claims, { alg: 'HS256', key: secret.export() })
      },
    ],
    ['under an unknown key', async () => issuer.token(claims, { kid: 'made-up', key: (await generateKeyPair('RS256')).privateKey })],
    [
      'under a known name of a key, but another key',
      async () => issuer.token(claims, { key: (await generateKeyPair('RS256')).privateKey }),
    ],
    ['that is none', async () => 'e30.e30.e30'],
    ['that is nonsense', async () => 'nonsense'],
  ])('%s is refused', async (_, make) => {
    expect(await request(await make())).toEqual([401, 'token_invalid'])
  })

  it('under a rotated key is good at once, and the former key no longer', async () => {
    const former = await issuer.token(claims)
    await issuer.rotate()
    expect(await request(await issuer.token(claims))).toEqual([202, null])
    expect(await request(former)).toEqual([401, 'token_invalid'])
  })

  it('does not make the API ask the issuer over and over', async () => {
    const before = direct.keyRequests()
    for (let index = 0; index < 25; index++) await request(await direct.token({ aud: AUDIENCE, sub: 'robot' }, { kid: `made-up-${index}` }))
    expect(direct.keyRequests() - before).toBeLessThanOrEqual(10)
  })

  it('of an issuer that is away gets 503: nobody can tell whether it is good', async () => {
    const fresh = await world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: file })
    issuer.fail(true)
    const headers = { Authorization: `Bearer ${await issuer.token(claims)}` }
    const away = await fresh.client.raw('POST', `/deploy/${media.name}`, headers)
    expect([away.status, away.body.code]).toEqual([503, 'issuer_unavailable'])
    issuer.fail(false)
    expect((await fresh.client.raw('POST', `/deploy/${media.name}`, headers)).status).toBe(202)
  })

  it("ends what it follows with its own time, and with its issuer's place in the keys file; not when that file changes otherwise", async () => {
    // Nobody takes this job, so that it goes on for ever.
    await publishStacks(redis.url, 'attic', ['media-attic'])
    const start = async () => client.raw('POST', '/deploy/media-attic', { Authorization: `Bearer ${await issuer.token(claims)}` })
    const id = await until('the job', async () => (await start()).body.job_id as string | undefined)
    const follow = async (token: string) => {
      const answer = await fetch(`${client.url}/jobs/${id}/events`, { headers: { Authorization: `Bearer ${token}` } })
      const follower = { status: answer.status, over: false }
      void answer.text().then(() => (follower.over = true))
      return follower
    }
    const expires = now() + 4
    const [brief, long] = [await follow(await issuer.token({ ...claims, exp: expires })), await follow(await issuer.token(claims))]
    expect([brief.status, long.status]).toEqual([200, 200])
    const read = () => api.logLines().filter(({ event }) => event === 'keys_loaded').length
    appendFileSync(file, '# nothing\n')
    await until('the keys file to be read', () => read() === 1)
    await until('the end of the brief one', () => brief.over)
    expect(Date.now()).toBeGreaterThanOrEqual(expires * 1000)
    expect(long.over).toBe(false)
    writeFileSync(file, 'keys: []\n')
    await until('the end of the other', () => long.over)
  })
})
