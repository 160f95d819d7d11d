import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { watchCompose } from '../../lab/compose-watch.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { engine, registry, useOtherEngine, useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const image = `${registry}/queue:latest`
await publishImage(engine, image, 'v1')
const stacks = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => world.addStack(name, webFile(image))))
await Promise.all(stacks.map((stack) => stack.compose('up', '-d')))
const settings = { REDIS_URL: redis.url }
const engines = [await useOtherEngine(), await useOtherEngine()] as const
await Promise.all([world.start('worker', settings), world.start('worker', settings)])
const api = await world.start('api', settings)
const { client } = api
await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)

describe('two workers of one host', () => {
  it('take a burst of 50 requests for one stack: one runs, one waits, all are answered', async () => {
    const [stack] = stacks
    if (!stack) throw new Error('no stack')
    const watch = watchCompose([stack.dir])
    const queue = `deployer:${stack.name}@${world.settings.WORKER_NAME}`
    let mostWaiting = 0
    const counting = new AbortController()
    const counted = (async () => {
      while (!counting.signal.aborted) mostWaiting = Math.max(mostWaiting, Number(await redis.cli('llen', `${queue}:wait`)))
    })()
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.plain('POST', `/deploy/${stack.name}?wait=true`, stack.name)))
    counting.abort()
    await counted
    watch.stop()
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200))
    expect(answers.every(({ body }) => body.ok === true)).toBe(true)
    const jobs = new Set(answers.map(({ body }) => body.job_id))
    expect(jobs.size).toBeLessThanOrEqual(3)
    expect(answers.filter(({ body }) => body.coalesced)).toHaveLength(50 - jobs.size)
    expect(mostWaiting).toBeLessThanOrEqual(1)
    expect(watch.looks()).toBeGreaterThan(10)
    expect(watch.most()).toBe(1)
  })

  it('deploy five stacks at once, each by itself', async () => {
    const watch = watchCompose(stacks.map(({ dir }) => dir))
    const answers = await Promise.all(
      stacks.flatMap((stack) => [1, 2].map(() => client.plain('POST', `/deploy/${stack.name}?wait=true`, stack.name))),
    )
    watch.stop()
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(watch.most()).toBe(1)
  })

  it('give a request that finds a job running a new job, which waits behind it', async () => {
    const [stack] = stacks
    if (!stack) throw new Error('no stack')
    const post = () => client.plain('POST', `/deploy/${stack.name}`, stack.name)
    const first = (await post()).body.job_id
    await until('the first to run', async () => (await client.plain('GET', `/jobs/${first}`, first)).body.state === 'running')
    const second = (await post()).body
    const third = (await post()).body
    expect(second.job_id).not.toBe(first)
    expect(third).toMatchObject({ job_id: second.job_id, coalesced: true })
    const ended = await client.plain('GET', `/jobs/${second.job_id}?wait=1`, second.job_id)
    const before = await client.plain('GET', `/jobs/${first}`, first)
    expect(before.body.state).toBe('succeeded')
    expect(ended.body.state).toBe('succeeded')
    expect(Date.parse(before.body.finished_at)).toBeLessThanOrEqual(Date.parse(ended.body.started_at))
  })

  it('cancel a job that waits, and not one that has ended', async () => {
    const [stack] = stacks
    if (!stack) throw new Error('no stack')
    const running = (await client.plain('POST', `/deploy/${stack.name}`, stack.name)).body.job_id
    await until('the first to run', async () => (await client.plain('GET', `/jobs/${running}`, running)).body.state !== 'queued')
    const waiting = (await client.plain('POST', `/deploy/${stack.name}`, stack.name)).body.job_id
    const canceled = await client.timed('DELETE', `/jobs/${waiting}`)
    expect(canceled).toMatchObject({ status: 200, body: { state: 'canceled', ok: false, code: 'canceled' } })
    await until('both to have ended', async () => {
      const { body } = await client.plain('GET', `/jobs?stack=${stack.name}&state=queued`, 'jobs')
      return body.jobs.length === 0
    })
    const after = await client.plain('GET', `/jobs/${waiting}?wait=1`, waiting)
    expect(after.body).toMatchObject({ state: 'canceled', steps: [] })
    const late = await client.timed('DELETE', `/jobs/${waiting}`)
    expect(late).toMatchObject({ status: 409, body: { code: 'not_cancelable' } })
  })

  it('finish the running deploy when they are told to stop', async () => {
    const stack = await world.addStack('graceful', webFile(image))
    await stack.compose('up', '-d')
    const other = { REDIS_URL: redis.url, DOCKER_HOST: engines[0].dockerHost, WORKER_NAME: `${world.settings['WORKER_NAME']}-graceful` }
    const worker = await world.start('worker', other)
    await publishImage(engine, image, 'v2')
    const path = `/deploy/${stack.name}?host=${other.WORKER_NAME}`
    const { job_id } = await until('the job', async () => {
      const answer = await client.plain('POST', path, stack.name)
      return answer.status === 202 ? answer.body : null
    })
    await until('the job to run', async () => (await client.plain('GET', `/jobs/${job_id}`, job_id)).body.state === 'running')
    await worker.stop('SIGTERM')
    expect((await client.plain('GET', `/jobs/${job_id}`, job_id)).body).toMatchObject({ state: 'succeeded' })
    expect(worker.process.exitCode).toBe(0)
  })
})

describe('several hosts with the same stack', () => {
  it('are told apart by ?host= alone, and one that is away gets its job later', async () => {
    const [stack] = stacks
    if (!stack) throw new Error('no stack')
    const other = `${world.settings['WORKER_NAME']}-other`
    const worker = await world.start('worker', { REDIS_URL: redis.url, DOCKER_HOST: engines[1].dockerHost, WORKER_NAME: other })
    const ambiguous = await until('two hosts', async () => {
      const answer = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
      return answer.status === 409 ? answer.body : null
    })
    expect(ambiguous).toMatchObject({ code: 'stack_ambiguous' })
    expect(ambiguous.hosts).toContain(other)
    await worker.stop()
    const listed = await until('the host to be away', async () => {
      const { body } = await client.plain('GET', '/stacks', 'stacks')
      return body.stacks.find((one: any) => one.host === other && one.stack === stack.name && !one.online)
    })
    expect(listed.online).toBe(false)
    const accepted = await client.plain('POST', `/deploy?wait=0`, '', { stack: stack.name, host: other })
    expect(accepted).toMatchObject({ status: 202, body: { host: other, state: 'queued' } })
    await world.start('worker', { REDIS_URL: redis.url, DOCKER_HOST: engines[1].dockerHost, WORKER_NAME: other })
    const ended = await client.plain('GET', `/jobs/${accepted.body.job_id}?wait=1&timeout=60`, accepted.body.job_id)
    expect(ended.body).toMatchObject({ state: 'succeeded', host: other })
  })
})

describe('what somebody else has written to Redis', () => {
  it('makes no worker do anything but the deploy of its own stack, and breaks no answer', async () => {
    const [stack, other] = stacks
    if (!stack || !other) throw new Error('no stack')
    const host = world.settings['WORKER_NAME'] ?? ''
    const connection = new Redis(redis.url)
    const queue = new Queue(`${stack.name}@${host}`, { connection, prefix: 'deployer' })
    onTestFinished(async () => {
      await queue.close()
      connection.disconnect()
    })
    const made = [
      { stack: other.name, host, action: 'deploy', caller: 'x' },
      { stack: '../../etc', host, action: 'deploy', caller: 'x' },
      { stack: stack.name, host: 'another', action: 'deploy', caller: 'x' },
      { stack: stack.name, host, action: 'obliterate', caller: 'x' },
      { stack: stack.name, host, action: 'deploy', caller: 'x', command: ['rm', '-rf', '/'] },
      null,
    ]
    const jobs = await Promise.all(made.map((data) => queue.add('deploy', data, { attempts: 1 })))
    for (const [index, report] of ['{', '{"state":"running"}', '[]'].entries()) {
      await connection.hset(`deployer:run:${jobs[index]?.id}`, { round: '0', phase: 'running', report })
    }
    await connection.sadd('deployer:queues', '../../etc@x', 'no queue', `${'a'.repeat(500)}@b`)
    await connection.hset('deployer:inventory', 'mallory', '{"host":"mallory","stacks":[{"name":"../x"}]}', 'broken', '{')
    await until('the jobs to be refused', async () => (await Promise.all(jobs.map((job) => job.isFailed()))).every(Boolean))
    for (const job of jobs) expect((await queue.getJob(job.id ?? ''))?.failedReason).toContain('not one that the API has made')
    for (const [path, subject] of [
      ['/jobs', 'jobs'],
      ['/stacks', 'stacks'],
    ] as const) {
      const answer = await client.plain('GET', path, subject)
      expect(answer.status).toBe(200)
      expect(answer.text).not.toContain('../')
    }
    const deployed = await client.plain('POST', `/deploy/${stack.name}?wait=true&host=${host}`, stack.name)
    expect(deployed.body).toMatchObject({ state: 'succeeded' })
  })
})
