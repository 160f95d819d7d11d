import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { startChild } from '../../lab/child.ts'
import { command } from '../../lab/command.ts'
import { freePort } from '../../lab/free-port.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useOtherEngine, useWorld } from '../support.ts'

// Redis over TLS with a password, as between hosts; the certificate is made by the commands of docs/recipes.md.
const folder = mkdtempSync(join(tmpdir(), 'deployer-tls-'))
const certificate = { key: join(folder, 'redis.key'), crt: join(folder, 'redis.crt') }
const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=redis -addext subjectAltName=IP:127.0.0.1'
await command('openssl', [...request.split(' '), '-keyout', certificate.key, '-out', certificate.crt])
const port = await freePort()
const options = `--bind 127.0.0.1 --port 0 --tls-port ${port} --tls-auth-clients no --appendonly yes --appendfsync always --dir ${folder}`
const tls = ['--tls-cert-file', certificate.crt, '--tls-key-file', certificate.key]
const redis = startChild('redis-server', [...options.split(' '), '--save', '', '--requirepass', 'between-hosts', ...tls], {
  PATH: process.env['PATH'],
})
const one = useWorld()
const two = useWorld()
afterAll(async () => {
  await redis.stop('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
await until('Redis', () => redis.output().includes('Ready to accept connections'))
const settings = { REDIS_URL: `rediss://:between-hosts@127.0.0.1:${port}`, NODE_EXTRA_CA_CERTS: certificate.crt, DEPLOY_SECRET: one.secret }
const image = `${registry}/hosts:latest`
await publishImage(engine, image, 'v1')
const nas = await one.addStack('media', webFile(image))
const vps = await two.addStack('media', webFile(image))
await Promise.all([nas.compose('up', '-d'), vps.compose('up', '-d')])
const names = { nas: one.settings['WORKER_NAME'] ?? '', vps: two.settings['WORKER_NAME'] ?? '' }
const other = await useOtherEngine()
const { client } = await one.start('api', settings)
await one.start('worker', settings)
const second = await two.start('worker', { ...settings, DOCKER_HOST: other.dockerHost })
const stacks = async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks as any[]
const read = async (id: string) => (await client.plain('GET', `/jobs/${id}`, id)).body

describe('two hosts on one Redis over TLS', () => {
  it('have their own stacks, and a request goes to the host that has the stack', async () => {
    await until('both', async () => (await stacks()).filter(({ running }) => running).length === 2)
    const answers = await Promise.all([nas, vps].map((stack) => client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)))
    expect(answers.map(({ body }) => [body.ok, body.host])).toEqual([
      [true, names.nas],
      [true, names.vps],
    ])
  })

  it('that have a stack of the same name are told apart by host=, in query or body', async () => {
    for (const { root } of [one, two]) {
      mkdirSync(join(root, 'shared'))
      writeFileSync(join(root, 'shared/compose.yaml'), `services: {web: {image: ${image}}}\n`)
    }
    await until('the stacks', async () => (await stacks()).filter(({ stack }) => stack === 'shared').length === 2)
    const ambiguous = await client.plain('POST', '/deploy/shared', 'shared')
    expect([ambiguous.status, ambiguous.body.code, ambiguous.body.hosts.sort()]).toEqual([
      409,
      'stack_ambiguous',
      [names.nas, names.vps].sort(),
    ])
    const byQuery = await client.plain('POST', `/deploy/shared?wait=1&host=${names.vps}`, 'shared')
    expect([byQuery.status, byQuery.body.host, byQuery.body.code]).toEqual([409, names.vps, 'not_running'])
    const byBody = await client.plain('POST', '/deploy?wait=1', '', { stack: 'shared', host: names.nas })
    expect(byBody.body.host).toBe(names.nas)
    const odd = await client.plain('POST', '/deploy/shared?host=nowhere', 'shared')
    expect([odd.status, odd.body.code, odd.body.hosts.sort()]).toEqual([404, 'stack_not_found', [names.nas, names.vps].sort()])
    expect(odd.body.detail).toContain('There is no host "nowhere"')
    // A host that is there, and has another stack.
    const other = await client.plain('POST', '/deploy', '', { stack: nas.name, host: names.vps })
    expect([other.status, other.body.code, other.body.hosts]).toEqual([404, 'stack_not_found', [names.nas]])
    expect(other.body.detail).toContain(`The host "${names.vps}" does not have this stack`)
    expect((await client.plain('POST', '/deploy/none?host=nowhere', 'none')).body.hosts).toBeUndefined()
  })

  it('keep the stacks of the one that is away; its jobs are accepted, wait for it and are done when it is back', async () => {
    await second.stop('SIGKILL')
    await until('it to be away', async () => (await stacks()).some(({ host, online }) => host === names.vps && !online), 60)
    expect((await client.raw('GET', '/ready')).status).toBe(200)
    await publishImage(engine, image, 'v2')
    const waiting = await client.plain('POST', `/deploy/${vps.name}`, vps.name)
    expect([waiting.status, waiting.body.state]).toEqual([202, 'queued'])
    const here = await client.plain('POST', `/deploy/${nas.name}?wait=1`, nas.name)
    expect(here.body).toMatchObject({ ok: true, host: names.nas })
    expect((await read(waiting.body.job_id)).state).toBe('queued')
    await two.start('worker', { ...settings, DOCKER_HOST: other.dockerHost })
    await until('the job to be done', async () => (await read(waiting.body.job_id)).ok)
    await untilPage(vps, 'v2')
    expect((await stacks()).every(({ online }) => online)).toBe(true)
  })
})
