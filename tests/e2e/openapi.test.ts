import Ajv, { type AnySchema } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { hmac, type Answer } from '../../lab/client.ts'
import { command } from '../../lab/command.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { engine, registry, useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const image = `${registry}/openapi:latest`
await publishImage(engine, image, 'v1')
const stack = await world.addStack('openapi', webFile(image))
await stack.compose('up', '-d')
await world.start('worker', { REDIS_URL: redis.url })
const keys = join(world.root, '.keys.yaml')
writeFileSync(
  keys,
  'hooks: [{id: quay, from: quay, secret: a-token-in-an-address}, {id: lab, from: distribution, secret: a-token-in-a-header}]\n',
)
const { client } = await world.start('api', { REDIS_URL: redis.url, DEPLOY_KEYS_FILE: keys, METRICS_TOKEN: 'a-token-for-metrics' })
await until('the stack', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks[0]?.running)
const document = (await client.raw('GET', '/openapi.json')).body

const ajv = new Ajv.default({ strict: false, allErrors: true })
addFormats.default(ajv)
ajv.addSchema(document as AnySchema, 'openapi')
const called = new Set<string>()
const operations = Object.entries<any>(document.paths).flatMap(([path, methods]) =>
  Object.entries<any>(methods).map(([method, operation]) => [operation.operationId, method.toUpperCase(), path] as const),
)
afterAll(() => {
  expect(operations.map(([id]) => id).filter((id) => !called.has(id))).toEqual([])
})

/** Holds an answer to what the document says of its operation. */
function check(operationId: string, answer: Answer<any>): Answer<any> {
  const [, method = '', path = ''] = operations.find(([id]) => id === operationId) ?? []
  called.add(operationId)
  const response = document.paths[path]?.[method.toLowerCase()]?.responses[String(answer.status)]
  expect(response, `${operationId} answers ${answer.status}: ${answer.text}`).toBeDefined()
  const type = (answer.headers.get('content-type') ?? '').split(';')[0] ?? ''
  expect(Object.keys(response.content ?? {})).toContain(type)
  if (!type.endsWith('json')) return answer
  const pointer = ['paths', path, method.toLowerCase(), 'responses', String(answer.status), 'content', type, 'schema']
  const reference = pointer.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).map(encodeURIComponent)
  const validate = ajv.compile({ $ref: `openapi#/${reference.join('/')}` })
  expect(validate(answer.body), `${operationId}: ${ajv.errorsText(validate.errors)} in ${answer.text}`).toBe(true)
  return answer
}

describe('the OpenAPI document', () => {
  it('passes a linter for OpenAPI', async () => {
    const config = await createConfig({
      extends: ['recommended'],
      rules: { 'no-server-example.com': 'off', 'operation-4xx-response': 'off' },
    })
    const found = await lintFromString({ source: JSON.stringify(document), config })
    expect(found.map(({ severity, message, location }) => `${severity}: ${message} ${location[0]?.pointer ?? ''}`)).toEqual([])
    expect(document.openapi).toMatch(/^3\.1/)
  })

  it('tells nothing of this installation', () => {
    const text = JSON.stringify(document)
    for (const told of [stack.name, world.settings['WORKER_NAME'] ?? '', world.secret, client.url]) expect(text).not.toContain(told)
  })

  it('names the version that runs, the keys, the limits and the other methods', () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string }
    expect(document.info.version).toBe(version)
    const schemes = Object.entries<any>(document.components.securitySchemes)
    const keyId = schemes.find(([, { name }]) => name === 'X-Key-Id')?.[0] ?? ''
    expect(keyId).toBeTruthy()
    for (const security of [document.security, document.paths['/stacks/{stack}/plan'].post.security])
      expect(security.some((one: object) => keyId in one)).toBe(true)
    for (const [path, methods] of Object.entries<any>(document.paths)) {
      for (const operation of Object.values<any>(methods)) expect(operation.responses['405'], path).toBeDefined()
    }
    for (const [path, method] of [
      ['/deploy/{stack}', 'post'],
      ['/jobs/{id}', 'get'],
      ['/jobs/{id}/events', 'get'],
    ] as const) {
      const examples = document.paths[path][method].responses['429'].content['application/problem+json'].examples
      expect(Object.keys(examples)).toContain('too_many_held')
    }
  })

  it('has a curl line that works as it is written', async () => {
    const [, line = ''] = /```sh\n([^]*?)\n```/.exec(document.info.description) ?? []
    expect(line).toContain('curl ')
    mkdirSync(join(world.root, 'media'))
    writeFileSync(join(world.root, 'media/compose.yaml'), 'services: {web: {image: never-started}}\n')
    await until('the stack', async () => (await client.plain('GET', '/stacks', 'stacks')).text.includes('"media"'))
    const answer = JSON.parse(await command('bash', ['-c', line], { DEPLOYER_URL: client.url, DEPLOY_SECRET: world.secret }))
    expect(answer).toMatchObject({ stack: 'media', by: 'default' })
    expect(answer.job_id).toBeTruthy()
  })

  it('describes every answer of every operation as it is', async () => {
    const deploy = `/deploy/${stack.name}`
    for (const method of ['GET', 'POST']) check(method === 'GET' ? 'health' : 'healthByPost', await client.raw(method, '/health'))
    check('ready', await client.raw('GET', '/ready'))
    check('listStacks', await client.plain('GET', '/stacks', 'stacks'))
    check('listStacks', await client.raw('GET', '/stacks'))
    const { body: job } = check('deploy', await client.plain('POST', `${deploy}?wait=1`, stack.name))
    expect(job.ok, job.message).toBe(true)
    check('deploy', await client.plain('POST', deploy, stack.name))
    check('deploy', await client.raw('POST', deploy, {}, 'x'))
    check('deploy', await client.plain('POST', '/deploy/no-such-stack', 'no-such-stack'))
    check('deploy', await client.plain('POST', `${deploy}?wait=perhaps`, stack.name))
    check('deployByBody', await client.plain('POST', '/deploy', '', { stack: stack.name }))
    check('deployByBody', await client.plain('POST', '/deploy', '', { stack: 7 }))
    check('deploy', await client.plain('POST', `${deploy}?wait=1`, stack.name, { expect: { web: 'latest' } }))
    const wrong = check(
      'deploy',
      await client.plain('POST', `${deploy}?wait=1`, stack.name, { expect: { web: `sha256:${'0'.repeat(64)}` } }),
    )
    expect([wrong.status, wrong.body.code]).toEqual([409, 'wrong_image'])
    check('plan', await client.timed('POST', `/stacks/${stack.name}/plan`))
    expect(check('plan', await client.timed('POST', `/stacks/${stack.name}/plan?wait=1`)).body.plan).toHaveLength(1)
    check('plan', await client.plain('POST', `/stacks/${stack.name}/plan`, stack.name))
    const listed = check('listReleases', await client.plain('GET', `/stacks/${stack.name}/releases`, stack.name))
    expect(listed.body.releases.length).toBeGreaterThan(0)
    check('listReleases', await client.plain('GET', '/stacks/no-such-stack/releases', 'no-such-stack'))
    check('rollback', await client.timed('POST', `/stacks/${stack.name}/rollback?wait=1`))
    check('rollback', await client.timed('POST', `/stacks/${stack.name}/rollback?wait=1`, { to: 999 }))
    check('rollback', await client.timed('POST', `/stacks/${stack.name}/rollback?wait=1`, { to: 'x' }))
    check('rollback', await client.plain('POST', `/stacks/${stack.name}/rollback`, stack.name))
    check('check', await client.timed('POST', `/stacks/${stack.name}/check`))
    check('check', await client.timed('POST', `/stacks/${stack.name}/check?wait=1`))
    check('check', await client.plain('POST', `/stacks/${stack.name}/check`, stack.name))
    const update = { service: 'web', image, running: null, available: `sha256:${'1'.repeat(64)}`, first_seen: null, eligible_at: null }
    const found = { checked_at: '2026-01-01T00:00:00.000Z', updates: [{ ...update, state: 'pending' }] }
    await redis.cli('hset', `deployer:updates:${world.settings['WORKER_NAME']}`, stack.name, JSON.stringify(found))
    expect(check('skip', await client.timed('POST', `/stacks/${stack.name}/skip`, { service: 'web' })).status).toBe(200)
    expect(check('skip', await client.timed('POST', `/stacks/${stack.name}/skip`, { service: 'none' })).status).toBe(404)
    check('skip', await client.timed('POST', `/stacks/${stack.name}/skip`, {}))
    expect(check('hold', await client.timed('PUT', `/stacks/${stack.name}/hold`, { reason: 'why not' })).status).toBe(200)
    check('hold', await client.timed('PUT', `/stacks/${stack.name}/hold`, {}))
    expect(check('listStacks', await client.plain('GET', '/stacks', 'stacks')).text).toContain('why not')
    const held = check('deploy', await client.plain('POST', `${deploy}?wait=1`, stack.name))
    expect([held.status, held.body.code]).toEqual([409, 'held'])
    expect(check('releaseHold', await client.timed('DELETE', `/stacks/${stack.name}/hold`)).status).toBe(200)
    check('releaseHold', await client.plain('DELETE', `/stacks/${stack.name}/hold`, stack.name))
    for (const [operation, path] of [
      ['registryHook', '/hooks/lab'],
      ['registryHookByToken', '/hooks/quay/a-token-in-an-address'],
    ] as const) {
      const headers = { Authorization: 'Bearer a-token-in-a-header' }
      expect(check(operation, await client.raw('POST', path, headers, '{}')).body).toEqual({ matched: [] })
      expect(check(operation, await client.raw('POST', path, headers, '{')).status).toBe(400)
      expect(check(operation, await client.raw('POST', path.replace(/in-an.*|lab/, 'x'), {}, '{}')).status).toBe(401)
    }
    check('listJobs', await client.plain('GET', '/jobs?limit=3', 'jobs'))
    check('listJobs', await client.plain('GET', '/jobs?state=odd', 'jobs'))
    check('readJob', await client.plain('GET', `/jobs/${job.job_id}?wait=1`, job.job_id))
    check('readJob', await client.plain('GET', '/jobs/0199aaaa-0000-7000-8000-000000000000', '0199aaaa-0000-7000-8000-000000000000'))
    check('cancelJob', await client.timed('DELETE', `/jobs/${job.job_id}`))
    const ping = { 'X-Signature': hmac(world.secret, stack.name), 'X-GitHub-Event': 'ping' }
    expect(check('deploy', await client.raw('POST', deploy, ping)).body).toEqual({ ok: true, ignored: 'ping' })
    check('deploy', await client.plain('POST', `${deploy}?host=nowhere`, stack.name))
    const followed = check('followJob', await client.plain('GET', `/jobs/${job.job_id}/events`, job.job_id))
    const events = followed.text.split('\n\n').filter((block) => block.startsWith('event: '))
    expect(new Set(events.map((block) => /^event: (.*)$/m.exec(block)?.[1]))).toEqual(new Set(['state', 'step', 'log', 'done']))
    const schema = document.paths['/jobs/{id}/events'].get.responses['200'].content['text/event-stream'].schema
    const validate = ajv.compile({ $ref: `openapi${schema.$ref}` })
    for (const block of events) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
      const event = { event: field('event'), data: JSON.parse(field('data') ?? ''), ...(field('id') ? { id: field('id') } : {}) }
      expect(validate(event), `${ajv.errorsText(validate.errors)} in ${block}`).toBe(true)
    }
    const [host] = check('listHosts', await client.plain('GET', '/hosts', 'hosts')).body.hosts
    expect(host).toMatchObject({ online: true, stacks: expect.arrayContaining([stack.name]) })
    check('forgetHost', await client.timed('DELETE', `/hosts/${host.host}`))
    check('forgetHost', await client.timed('DELETE', '/hosts/nowhere'))
    check('testNotify', await client.timed('POST', '/notify/test'))
    check('testNotify', await client.raw('POST', '/notify/test'))
    check('metrics', await client.raw('GET', '/metrics', { Authorization: 'Bearer a-token-for-metrics' }))
    check('metrics', await client.raw('GET', '/metrics'))
    await stack.compose('stop', '-t', '0')
    check('deploy', await client.plain('POST', `${deploy}?wait=1`, stack.name))
    await stack.compose('start')
    stack.write('compose.yaml', 'services: nonsense\n')
    const failed = check('deploy', await client.plain('POST', `${deploy}?wait=1`, stack.name))
    expect([failed.status, failed.body.code]).toEqual([500, 'step_failed'])
  })
})
