import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createClient, hmac, type Client } from '../../lab/client.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const media = await world.addStack('media', webFile('127.0.0.1:1/never-pulled'))
const blog = await world.addStack('web-blog', webFile('127.0.0.1:1/never-pulled'))
const other = await world.addStack('other', webFile('127.0.0.1:1/never-pulled'))
const suffix = media.name.slice('media'.length)
const file = join(world.root, '.keys.yaml')
const secretFile = join(world.root, '.reader-secret')
const secrets = {
  ci: 'secret-of-the-ci-of-media',
  reader: 'secret-of-the-reader',
  old: 'secret-of-an-expired-key',
  all: 'secret-of-everything',
  deployer: 'secret-of-who-deploys',
}
writeFileSync(secretFile, `${secrets.reader}\n`)
const keysFile = (more = '') => `keys:
  - id: ci-media
    secret: "${secrets.ci}"
    stacks: ["media*", "web-*"]
    actions: [deploy, read]
    expires: 2999-01-01T00:00:00Z
  - id: reader
    # Beside this file, wherever the API was started.
    secret_file: .reader-secret
    stacks: ["media${suffix}"]
    actions: [read]
  - id: old
    secret: ${secrets.old}
    stacks: ["*"]
    actions: [deploy, read, cancel, rollback]
    expires: 2020-01-01T00:00:00Z
  - {id: deployer, secret: ${secrets.deployer}, stacks: ["*"], actions: [deploy]}
  - id: everything
    secret: ${secrets.all}
    stacks: ["*"]
    actions: [deploy, read, cancel, rollback]
${more}`
writeFileSync(file, keysFile())
await world.start('worker', { REDIS_URL: redis.url })
const api = await world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: file })
await until('readiness', async () => (await api.client.raw('GET', '/ready')).status === 200)

/** A client that signs with a scoped key. */
function withKey(id: string, secret: string): Pick<Client, 'plain' | 'timed'> {
  const client = createClient(api.client.url, secret)
  const named = { 'X-Key-Id': id }
  return {
    plain: (method, path, subject, body, headers) => client.plain(method, path, subject, body, { ...headers, ...named }),
    timed: (method, path, body, headers) => client.timed(method, path, body, { ...headers, ...named }),
  }
}
const ci = withKey('ci-media', secrets.ci)
const reader = withKey('reader', secrets.reader)
const deployer = withKey('deployer', secrets.deployer)
const everything = withKey('everything', secrets.all)
const outcome = async (answer: Promise<{ status: number; body: any }>) => {
  const { status, body } = await answer
  return [status, body.code ?? null]
}

describe('a scoped key', () => {
  it('deploys and reads its stacks, by name and by glob', async () => {
    for (const { name } of [media, blog]) {
      const { status, body } = await ci.plain('POST', `/deploy/${name}?wait=1`, name)
      expect([status, body.code]).toEqual([409, 'not_running'])
      expect(await outcome(ci.plain('GET', `/jobs/${body.job_id}`, body.job_id))).toEqual([200, 'not_running'])
    }
    expect(await outcome(ci.timed('POST', '/deploy', { stack: media.name }))).toEqual([202, null])
  })

  it('learns nothing of the others: not even that they exist', async () => {
    const there = await ci.plain('POST', `/deploy/${other.name}`, other.name)
    const nowhere = await ci.plain('POST', '/deploy/no-such-stack', 'no-such-stack')
    expect([there.status, there.body]).toEqual([404, nowhere.body])
    const { body: job } = await api.client.plain('POST', `/deploy/${other.name}?wait=1`, other.name)
    const missing = '0199aaaa-0000-7000-8000-000000000000'
    for (const path of ['', '/events']) {
      const foreign = await ci.plain('GET', `/jobs/${job.job_id}${path}`, job.job_id)
      expect([foreign.status, foreign.body]).toEqual([404, (await ci.plain('GET', `/jobs/${missing}`, missing)).body])
    }
    expect(await outcome(ci.timed('DELETE', `/jobs/${job.job_id}`))).toEqual([404, 'job_not_found'])
    expect(await outcome(ci.timed('POST', `/stacks/${other.name}/rollback`))).toEqual([404, 'stack_not_found'])
    const listed = (await ci.plain('GET', '/stacks', 'stacks')).body.stacks.map(({ stack }: any) => stack)
    expect(listed.sort()).toEqual([media.name, blog.name].sort())
    expect((await ci.plain('GET', `/jobs?stack=${other.name}`, 'jobs')).body).toEqual({ jobs: [] })
    const jobs = (await ci.plain('GET', '/jobs', 'jobs')).body.jobs
    expect(new Set(jobs.map(({ stack }: any) => stack))).toEqual(new Set([media.name, blog.name]))
    const hosts = async (key: typeof ci) => (await key.plain('GET', '/hosts', 'hosts')).body.hosts.map((host: any) => host.stacks)
    expect([await hosts(ci), await hosts(reader)]).toEqual([[[media.name, blog.name].sort()], [[media.name]]])
  })

  it('is refused an action that it lacks on a stack that it sees', async () => {
    expect(await outcome(reader.plain('POST', `/deploy/${media.name}`, media.name))).toEqual([403, 'forbidden'])
    expect(await outcome(ci.timed('POST', `/stacks/${media.name}/rollback`))).toEqual([403, 'forbidden'])
    const { body } = await ci.plain('POST', `/deploy/${media.name}?wait=1`, media.name)
    expect(await outcome(ci.timed('DELETE', `/jobs/${body.job_id}`))).toEqual([403, 'forbidden'])
    expect(await outcome(everything.timed('DELETE', `/jobs/${body.job_id}`))).toEqual([409, 'not_cancelable'])
    expect(await outcome(everything.timed('POST', `/stacks/${media.name}/rollback?wait=1`))).toEqual([409, 'not_running'])
    // A host is the main secret's alone, whatever a key may do.
    expect(await outcome(everything.timed('DELETE', `/hosts/${world.settings['WORKER_NAME']}`))).toEqual([403, 'forbidden'])
    expect(await outcome(everything.timed('DELETE', '/hosts/nowhere'))).toEqual([403, 'forbidden'])
  })

  it('that may read nothing has no lists', async () => {
    for (const list of ['stacks', 'jobs', 'hosts']) {
      expect(await outcome(deployer.plain('GET', `/${list}`, list))).toEqual([403, 'forbidden'])
    }
    expect(await outcome(deployer.plain('GET', `/jobs?stack=${media.name}`, 'jobs'))).toEqual([403, 'forbidden'])
    expect(await outcome(deployer.timed('POST', `/stacks/${media.name}/plan`))).toEqual([403, 'forbidden'])
    expect(await outcome(deployer.plain('GET', `/stacks/${media.name}/releases`, media.name))).toEqual([403, 'forbidden'])
    expect(await outcome(reader.plain('GET', `/stacks/${media.name}/releases`, media.name))).toEqual([200, null])
  })

  it('is no key under a wrong name, a wrong secret, or past its time', async () => {
    for (const [id, secret] of [
      ['ci-media', secrets.reader],
      ['nobody', secrets.ci],
      ['old', secrets.old],
      ['ci-media', world.secret],
      ['', secrets.ci],
    ] as const) {
      expect(await outcome(withKey(id, secret).plain('POST', `/deploy/${media.name}`, media.name)), id).toEqual([401, 'signature_invalid'])
    }
    // Without its name it is not tried at all.
    const unnamed = { 'X-Signature': hmac(secrets.ci, media.name) }
    expect(await outcome(api.client.raw('POST', `/deploy/${media.name}`, unnamed))).toEqual([401, 'signature_invalid'])
  })

  it('joins no idempotency key of another signer', async () => {
    const again = { 'Idempotency-Key': 'same' }
    const first = await ci.plain('POST', `/deploy/${media.name}?wait=1`, media.name, undefined, again)
    const second = await everything.plain('POST', `/deploy/${media.name}?wait=1`, media.name, undefined, again)
    expect(second.body.job_id).not.toBe(first.body.job_id)
    expect((await ci.plain('POST', `/deploy/${media.name}?wait=1`, media.name, undefined, again)).body.job_id).toBe(first.body.job_id)
  })

  it('is in the log of who did what, from where, to which stack; no secret is', () => {
    const queued = api.logLines().filter(({ event }) => event === 'job_queued')
    expect(queued).toContainEqual(expect.objectContaining({ caller: 'ci-media', stack: media.name, client: '127.0.0.1' }))
    for (const secret of [...Object.values(secrets), world.secret]) expect(api.output()).not.toContain(secret)
  })
})

describe('the keys file', () => {
  it('is read again when it or a secret file changes', async () => {
    const fresh = withKey('fresh', 'secret-of-a-fresh-key')
    writeFileSync(file, keysFile('  - {id: fresh, secret: secret-of-a-fresh-key, stacks: ["*"], actions: [read]}\n'))
    await until('the fresh key', async () => (await fresh.plain('GET', '/stacks', 'stacks')).status === 200)
    writeFileSync(secretFile, 'the-reader-has-a-new-secret')
    const renewed = withKey('reader', 'the-reader-has-a-new-secret')
    await until('the new secret', async () => (await renewed.plain('GET', '/stacks', 'stacks')).status === 200)
    expect((await reader.plain('GET', '/stacks', 'stacks')).status).toBe(401)
  })

  it.each([
    ['no YAML', 'keys: [{id: a, secret: something-long-enough, stacks: ["*"}]'],
    ['an unclosed secret', 'keys: [{id: a, secret: "something-long-enough'],
    ['an id twice', keysFile('  - {id: reader, secret: something-long-enough, stacks: ["*"], actions: [read]}\n')],
    ['a key without a secret', 'keys: [{id: a, stacks: ["*"], actions: [read]}]'],
    ['an unknown action', 'keys: [{id: a, secret: something-long-enough, stacks: ["*"], actions: [destroy]}]'],
    ['an unknown member', 'keys: [{id: a, secret: something-long-enough, stack: ["*"], stacks: ["*"], actions: [read]}]'],
    ['a sample secret', 'keys: [{id: a, secret: changeme, stacks: ["*"], actions: [read]}]'],
    ['a short secret', 'keys: [{id: a, secret: only-15-letters, stacks: ["*"], actions: [read]}]'],
    ["the main secret's name", 'keys: [{id: default, secret: something-long-enough, stacks: ["*"], actions: [read]}]'],
    ['a secret file that is not there', 'keys: [{id: a, secret_file: /nowhere, stacks: ["*"], actions: [read]}]'],
  ])('keeps the former keys in force while it is broken, and says so: %s', async (_, text) => {
    const before = api.logLines().filter(({ event }) => event === 'keys_file_broken').length
    writeFileSync(file, text)
    await until('the complaint', () => api.logLines().filter(({ event }) => event === 'keys_file_broken').length > before)
    expect((await ci.plain('GET', '/stacks', 'stacks')).status).toBe(200)
    expect(JSON.stringify(api.logLines().findLast(({ event }) => event === 'keys_file_broken'))).not.toContain('something-long-enough')
  })

  it('stops the start when it is broken from the first, and does without DEPLOY_SECRET when it is not', async () => {
    writeFileSync(file, 'keys: [}')
    await expect(world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: file })).rejects.toThrow('DEPLOY_KEYS_FILE is')
    writeFileSync(file, keysFile())
    writeFileSync(secretFile, secrets.reader)
    const alone = await world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: file, DEPLOY_SECRET: '' })
    const client = createClient(alone.client.url, secrets.all)
    expect((await client.plain('GET', '/stacks', 'stacks', undefined, { 'X-Key-Id': 'everything' })).status).toBe(200)
    for (const secret of ['', 'no key', world.secret]) {
      const answer = await createClient(alone.client.url, secret).plain('GET', '/stacks', 'stacks')
      expect(answer.status).toBe(401)
    }
  })
})
