import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { randomUUIDv7 } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { KEY_PREFIX } from '@deployer/shared/queue'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import type { Service } from '../../lab/service.ts'
import { publishStacks } from '../../lab/publish-stacks.ts'
import { runDeployer } from '../../lab/run-deployer.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useOtherEngine, useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const image = `${registry}/identity:latest`
await publishImage(engine, image, 'v1')
const stack = await world.addStack('identity', webFile(image))
await stack.compose('up', '-d')
const settings = (name: string, more = {}) => ({ REDIS_URL: redis.url, WORKER_NAME: name, ...more })
const { client } = await world.start('api', { REDIS_URL: redis.url })
const read = async (id: string) => (await client.plain('GET', `/jobs/${id}`, id)).body
const hosts = async () => (await client.plain('GET', '/hosts', 'hosts')).body.hosts as any[]
const deployer = (...args: string[]) => runDeployer(args, { DEPLOYER_URL: client.url, DEPLOY_SECRET: world.secret })
const other = await useOtherEngine()
const post = () => client.plain('POST', `/deploy/${stack.name}`, stack.name)

let second: Service

describe('a host', () => {
  it('is its engine: a worker of another name on it takes over stacks, releases, holds and the jobs that wait, and those of the dead', async () => {
    const first = await world.start('worker', settings('first'))
    expect((await deployAndWait(client, stack.name)).body).toMatchObject({ ok: true, host: 'first' })
    await publishImage(engine, image, 'v2')
    // Killed as soon as the one job runs: another waits behind it.
    const running = (await post()).body.job_id
    await until('it to run', async () => (await read(running)).state === 'running')
    const waiting = (await post()).body.job_id
    first.process.kill('SIGKILL')
    for (const kind of ['holds', 'skips', 'updates']) await redis.cli('hset', `deployer:${kind}:first`, 'some', kind)

    second = await world.start('worker', settings('second'))
    for (const id of [running, waiting]) {
      await until('the end of both jobs', async () => (await read(id)).ok === true)
      expect((await read(id)).host).toBe('second')
    }
    await untilPage(stack, 'v2')
    expect((await hosts()).map(({ host, online, stacks }) => [host, online, stacks])).toEqual([['second', true, [stack.name]]])
    const releases = (await client.plain('GET', `/stacks/${stack.name}/releases`, stack.name)).body
    expect([releases.host, releases.releases.length > 1]).toEqual(['second', true])
    expect(await redis.cli('hkeys', 'deployer:inventory')).toBe('second\n')
    for (const kind of ['holds', 'skips', 'updates']) {
      expect(await redis.cli('hget', `deployer:${kind}:second`, 'some')).toBe(`${kind}\n`)
      expect(await redis.cli('exists', `deployer:${kind}:first`)).toBe('0\n')
    }
  })

  it('gets what an API that has not heard of its new name puts under the former one', async () => {
    await second.stop()
    const connection = new Redis(redis.url)
    const queue = new Queue(`${stack.name}@first`, { connection, prefix: KEY_PREFIX })
    const jobId = randomUUIDv7()
    await queue.add('deploy', { stack: stack.name, host: 'first', action: 'deploy', source: 'request', caller: 'default' }, { jobId })
    connection.disconnect()
    expect(await read(jobId)).toMatchObject({ state: 'queued', host: 'first' })
    await world.start('worker', settings('second'))
    await until('the job to be done by the host', async () => (await read(jobId)).ok === true)
    expect((await read(jobId)).host).toBe('second')
  })

  it('keeps its name beside a living one of another name, and has one DATA_DIR at a time', async () => {
    const third = await world.start('worker', settings('third'))
    expect(third.output()).toContain('"two_hosts_on_one_engine"')
    expect((await client.plain('POST', `/deploy/${stack.name}?host=second`, stack.name)).status).toBe(202)
    await third.stop()
    await until('the third to be forgotten', async () => (await deployer('hosts', 'forget', 'third')).code === 0)
    const elsewhere = { DATA_DIR: join(world.root, '.elsewhere') }
    await expect(world.start('worker', settings('second', elsewhere))).rejects.toThrow(
      /ended with 78: .*DATA_DIR is not that of the living worker of "second"/s,
    )
    expect(existsSync(join(world.root, '.elsewhere/data-id'))).toBe(true)
    expect((await post()).status).toBe(202)
  })

  it('does not lend its name to another engine, until it is forgotten', async () => {
    const named = settings('second', { DOCKER_HOST: other.dockerHost, DATA_DIR: join(world.root, '.other') })
    const refusal = /ended with 78: .*"second", which is the name of another Docker Engine.*deployer hosts forget second/s
    await expect(world.start('worker', named)).rejects.toThrow(refusal)
    expect(await deployer('hosts', 'forget', 'second')).toMatchObject({ code: 3, stderr: expect.stringContaining('stop it first') })
  })
})

describe('a clock', () => {
  it('that is an hour ahead is told, and takes no other worker for dead', async () => {
    const ahead = 'const now = Date.now; Date.now = () => now() + 3_600_000'
    const preload = `--import=data:text/javascript,${encodeURIComponent(ahead)}`
    const wrong = { DOCKER_HOST: other.dockerHost, DATA_DIR: join(world.root, '.ahead'), NODE_OPTIONS: preload }
    const worker = await world.start('worker', settings('ahead', wrong))
    await until('both', async () => (await hosts()).length === 2)
    expect(worker.logLines().filter(({ event }) => event === 'clock_differs')).toHaveLength(1)
    expect((await deployer('hosts')).stdout).toMatch(/^The clock of ahead is 36\d\d s ahead of Redis's\.$/m)
    // A beat of each after the other's.
    const beats = async () => (await redis.cli('zrange', 'deployer:heartbeats', '0', '-1', 'withscores')).split('\n')
    const beatOf = async (host: string) => {
      const list = await beats()
      return Number(list[list.findIndex((line) => line.startsWith(`${host} `)) + 1])
    }
    const before = [await beatOf('second'), await beatOf('ahead')]
    await until('the next beats', async () => (await beatOf('second')) > (before[0] ?? 0) && (await beatOf('ahead')) > (before[1] ?? 0))
    expect((await hosts()).map(({ host, online }) => [host, online])).toEqual([
      ['ahead', true],
      ['second', true],
    ])
    await worker.stop()
    expect((await deployer('hosts', 'forget', 'ahead')).code).toBe(0)
  })
})

describe('deployer hosts', () => {
  it('lists them, and forgets one that is away, whose jobs end; for the main secret alone', async () => {
    const away = await world.start('worker', settings('attic', { DOCKER_HOST: other.dockerHost, DATA_DIR: join(world.root, '.attic') }))
    await until('both', async () => (await hosts()).length === 2)
    const listed = await deployer('hosts')
    expect(listed.stdout).toMatch(/^attic +online/m)
    away.process.kill('SIGKILL')
    const { job_id } = (await client.plain('POST', `/deploy/${stack.name}?host=attic`, stack.name)).body
    await until('it to be away', async () => (await hosts()).some(({ host, online }) => host === 'attic' && !online))
    await redis.cli('hset', 'deployer:holds:attic', 'some', 'hold')
    // What is to be decided anew once the host is back.
    await redis.cli('hset', 'deployer:updates:attic', stack.name, '{}')
    expect((await client.timed('DELETE', `/stacks/${stack.name}/hold?host=attic`)).status).toBe(200)
    const ticks = () => redis.cli('--scan', '--pattern', 'deployer:@attic:*')
    expect(await ticks()).toContain('deployer:@attic:wait')
    // One whose name begins like it is another one.
    await publishStacks(redis.url, 'attic-2', ['other'])
    await redis.cli('zadd', 'deployer:heartbeats', String(Date.now() + 3_600_000), 'attic-2 lab')
    expect(await deployer('hosts', 'forget', 'attic')).toMatchObject({
      code: 0,
      stdout: 'attic is forgotten, and 1 of its jobs have been ended\n',
    })
    expect(await read(job_id)).toMatchObject({ state: 'canceled', ok: false })
    expect(await redis.cli('exists', 'deployer:holds:attic')).toBe('0\n')
    expect((await ticks()).trim()).toBe('')
    expect((await hosts()).map(({ host, online }) => [host, online])).toEqual([
      ['attic-2', true],
      ['second', true],
    ])
    expect((await post()).body.host).toBe('second')
    expect((await deployer('hosts', 'forget', 'attic')).code).toBe(3)
    expect((await client.plain('DELETE', '/hosts/second', 'second')).status).toBe(401)
  })
})
