import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hmac } from '../../lab/client.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const stack = await world.addStack('hooked', webFile('127.0.0.1:1/never-pulled'))
const other = await world.addStack('other', webFile('127.0.0.1:1/never-pulled'))
const secret = 'the-secret-of-the-hook'
const file = join(world.root, '.keys.yaml')
writeFileSync(
  file,
  `keys:
  - {id: hook, secret: ${secret}, stacks: [${stack.name}], actions: [deploy]}
  - {id: main-only, secret: ${secret}, stacks: [${stack.name}], actions: [deploy], refs: [refs/heads/main, "refs/tags/v*"]}
`,
)
await world.start('worker', { REDIS_URL: redis.url })
const { client } = await world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: file })
await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)

const path = `/deploy/${stack.name}`
type Headers = Record<string, string>
/** How each code host proves itself, and names its event. */
const senders: Record<string, { proof: (body: string, key: string) => Headers; event: (name: string) => Headers }> = {
  GitHub: {
    proof: (body, key) => ({ 'X-Hub-Signature-256': `sha256=${hmac(key, body)}` }),
    event: (name) => ({ 'X-GitHub-Event': name, 'X-GitHub-Delivery': crypto.randomUUID() }),
  },
  Gitea: { proof: (body, key) => ({ 'X-Gitea-Signature': hmac(key, body) }), event: (name) => ({ 'X-Gitea-Event': name }) },
  Forgejo: {
    proof: (body, key) => ({ 'X-Forgejo-Signature': hmac(key, body), 'X-Gitea-Signature': hmac(key, body) }),
    event: (name) => ({ 'X-Forgejo-Event': name, 'X-Gitea-Event': name, 'X-GitHub-Event': name }),
  },
  GitLab: { proof: (_, key) => ({ 'X-Gitlab-Token': key }), event: (name) => ({ 'X-Gitlab-Event': name }) },
}

interface Hook {
  from?: string
  event?: string
  payload?: unknown
  to?: string
  key?: string
  method?: string
}
const send = async ({ from = 'GitHub', event, payload = { ref: 'refs/heads/main' }, to = `${path}?key=hook`, key = secret }: Hook) => {
  const body = JSON.stringify(payload)
  const sender = senders[from]
  const { status, body: answer } = await client.raw(
    'POST',
    to,
    { ...sender?.proof(body, key), ...(event === undefined ? {} : sender?.event(event)) },
    body,
  )
  return [status, answer.code ?? answer.ignored ?? answer.state]
}
const deploys = [202, 'queued']

describe("a code host's hook", () => {
  it.each(Object.keys(senders))('of %s deploys its stack under the key that the address names, and no other stack', async (from) => {
    const event = from === 'GitLab' ? 'Push Hook' : 'push'
    expect(await send({ from, event })).toEqual(deploys)
    expect(await send({ from, event, to: `/deploy/${other.name}?key=hook` })).toEqual([404, 'stack_not_found'])
    expect(await send({ from, event, key: 'another secret altogether' })).toEqual([401, 'signature_invalid'])
    expect(await send({ from, event, to: `${path}?key=nobody` })).toEqual([401, 'signature_invalid'])
    // Without the key's name it would have to be the main secret.
    expect(await send({ from, event, to: path })).toEqual([401, 'signature_invalid'])
    expect(await send({ from, event, to: path, key: world.secret })).toEqual(deploys)
  })

  it.each([
    ['GitHub', 'release', { action: 'published' }],
    ['GitHub', 'registry_package', { action: 'published' }],
    ['GitHub', 'package', { action: 'updated' }],
    ['GitHub', 'workflow_run', { action: 'completed', workflow_run: { conclusion: 'success' } }],
    ['Gitea', 'package', { action: 'created' }],
    ['GitLab', 'Pipeline Hook', { object_attributes: { status: 'success' } }],
    ['GitLab', 'Tag Push Hook', { ref: 'refs/tags/v1' }],
    ['GitLab', 'Release Hook', { action: 'create' }],
  ])('of %s deploys at %s: there is something new', async (from, event, payload) => {
    expect(await send({ from, event, payload })).toEqual(deploys)
  })

  it.each([
    ['GitHub', 'ping', { zen: 'Keep it logically awesome.' }],
    ['GitHub', 'issues', { action: 'opened' }],
    ['GitHub', 'pull_request', { action: 'closed' }],
    ['GitHub', 'workflow_run', { action: 'completed', workflow_run: { conclusion: 'failure' } }],
    ['GitHub', 'workflow_run', { action: 'requested', workflow_run: { conclusion: null } }],
    ['GitHub', 'workflow_run', { action: 'completed', workflow_run: 'success' }],
    ['GitHub', 'push', { ref: 'refs/heads/old', deleted: true }],
    ['GitHub', 'package', { action: 'deleted' }],
    ['GitHub', 'release', { action: 'unpublished' }],
    ['GitHub', 'release', { action: 'edited' }],
    ['GitLab', 'Release Hook', { action: 'delete' }],
    ['Gitea', 'pull_request', {}],
    ['GitLab', 'Pipeline Hook', { object_attributes: { status: 'running' } }],
    ['GitLab', 'Issue Hook', {}],
  ])('of %s is thanked for %s, and nothing happens', async (from, event, payload) => {
    const before = (await client.plain('GET', `/jobs?stack=${stack.name}&limit=999`, 'jobs')).body.jobs.length
    expect(await send({ from, event, payload })).toEqual([200, event])
    expect((await client.plain('GET', `/jobs?stack=${stack.name}&limit=999`, 'jobs')).body.jobs).toHaveLength(before)
  })

  it('that fails to prove itself is told so, whatever its event', async () => {
    expect(await send({ event: 'ping', key: 'another secret altogether' })).toEqual([401, 'signature_invalid'])
    expect((await client.raw('POST', path, { 'X-Gitlab-Event': 'Push Hook' }, '{}')).body.code).toBe('signature_missing')
    expect(await send({ event: 'ping', to: `/deploy/${other.name}?key=hook` })).toEqual([404, 'stack_not_found'])
  })

  it('deploys for the refs of its key alone', async () => {
    const to = `${path}?key=main-only`
    for (const ref of ['refs/heads/main', 'refs/tags/v1.2']) expect(await send({ event: 'push', to, payload: { ref } })).toEqual(deploys)
    for (const ref of ['refs/heads/main2', 'refs/heads/feature/x', 'refs/tags/nightly', 7, undefined]) {
      expect(await send({ event: 'push', to, payload: { ref } })).toEqual([200, 'push'])
    }
    expect(await send({ from: 'GitLab', event: 'Push Hook', to, payload: { ref: 'refs/heads/next' } })).toEqual([200, 'Push Hook'])
    expect(await send({ event: 'registry_package', to, payload: { action: 'published' } })).toEqual(deploys)
  })

  it('is good for POST /deploy/{stack} alone', async () => {
    for (const from of Object.keys(senders)) {
      const body = JSON.stringify({ stack: stack.name })
      const headers = { ...senders[from]?.proof(body, world.secret), ...senders[from]?.event('push') }
      const refused = async (method: string, to: string) => {
        const answer = await client.raw(method, to, headers, method === 'GET' ? undefined : body)
        return [answer.status, answer.body.code]
      }
      expect(await refused('POST', '/deploy'), from).toEqual([401, 'signature_invalid'])
      expect(await refused('POST', `/stacks/${stack.name}/rollback`), from).toEqual([401, 'signature_invalid'])
      expect((await refused('GET', '/jobs'))[0], from).toBe(401)
    }
    expect((await client.raw('GET', '/stacks', { 'X-Gitlab-Token': world.secret })).status).toBe(401)
    expect((await client.raw('GET', '/stacks', { 'X-Hub-Signature-256': hmac(world.secret, 'stacks') })).status).toBe(401)
  })

  it('without an event is a plain signature like any other', async () => {
    expect(await send({ payload: {} })).toEqual(deploys)
    const strict = await world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: file, REQUIRE_TIMESTAMP: 'true' })
    for (const from of Object.keys(senders)) {
      const answer = await strict.client.raw('POST', `${path}?key=hook`, senders[from]?.proof('{}', secret), '{}')
      expect([answer.status, answer.body.code], from).toEqual([401, 'signature_invalid'])
    }
    expect((await strict.client.plain('POST', path, stack.name)).body.code).toBe('signature_invalid')
    expect((await strict.client.plain('GET', '/jobs', 'jobs')).body.code).toBe('signature_invalid')
    expect((await strict.client.timed('POST', path)).status).toBe(202)
  })
})
