import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { composeProcesses, watchCompose } from '../../lab/compose-watch.ts'
import { startOtherEngine, type OtherEngine } from '../../lab/other-engine.ts'
import { publishImage } from '../../lab/sample-image.ts'
import type { Service } from '../../lab/service.ts'
import { startSilentServer } from '../../lab/silent-server.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile, type LabStack } from '../../lab/world.ts'
import { engine, registry, useRedis, useWorld } from '../support.ts'

const engines: OtherEngine[] = []
afterAll(() => Promise.all(engines.map((one) => one.stop())))
const world = useWorld()
const redis = await useRedis()
const image = (name: string) => `${registry}/recovery-${name}:latest`
const api = await world.start('api', { REDIS_URL: redis.url })
const { client } = api

/** Each test has a host of its own, which is an engine of its own, so that its workers can be killed without a thought for the others, which run beside it. */
async function hostOf(name: string) {
  const other = await startOtherEngine(engine)
  engines.push(other)
  const settings = { REDIS_URL: redis.url, DOCKER_HOST: other.dockerHost, WORKER_NAME: `${world.settings['WORKER_NAME']}-${name}` }
  return {
    settings,
    start: () => world.start('worker', settings),
    path: (stack: LabStack) => `/deploy/${stack.name}?host=${settings.WORKER_NAME}`,
  }
}

async function accepted(path: string, stack: LabStack): Promise<string> {
  return until('a 202', async () => {
    const answer = await client.plain('POST', path, stack.name)
    return answer.status === 202 ? (answer.body.job_id as string) : null
  })
}

async function ended(id: string): Promise<any> {
  return until(
    'the end of the job',
    async () => {
      const { status, body } = await client.plain('GET', `/jobs/${id}?wait=true&timeout=20`, id)
      return status !== 200 || body.ok === null ? null : body
    },
    100,
  )
}

async function stepRuns(id: string, step: string): Promise<void> {
  const order = ['status', 'config', 'pull', 'up', 'verify']
  await until(`${step} to run`, async () => {
    const { body } = await client.plain('GET', `/jobs/${id}`, id)
    return body.state === 'running' && body.steps.length === order.indexOf(step)
  })
}

const kill = (worker: Service) => worker.stop('SIGKILL')
/** A service that ignores TERM: its recreation takes ten seconds, in which things can be killed. */
const slow = (name: string) => (port: number) => webFile(image(name))(port).replace('    init: true\n', '')

describe.concurrent('a worker that is killed', () => {
  it('in up: the next one ends what it left, mends the stack and ends the job', async () => {
    await publishImage(engine, image('up'), 'v1')
    const stack = await world.addStack('kill-up', slow('up'))
    await stack.compose('up', '-d')
    await publishImage(engine, image('up'), 'v2')
    const host = await hostOf('up')
    const worker = await host.start()
    const id = await accepted(host.path(stack), stack)
    await stepRuns(id, 'up')
    await until('compose to recreate', async () => (await stack.containers()).length === 2)
    const watch = watchCompose([stack.dir])
    await kill(worker)
    expect(composeProcesses(stack.dir)).toHaveLength(1)
    await host.start()
    const job = await ended(id)
    watch.stop()
    expect(job).toMatchObject({ state: 'succeeded', ok: true, changes: [{ service: 'web' }] })
    expect(watch.most()).toBe(1)
    await untilPage(stack, 'v2')
    const names = await engine.docker('ps', '-a', '--filter', `label=com.docker.compose.project=${stack.name}`, '--format', '{{.Names}}')
    expect(names.trim()).toBe(`${stack.name}-web-1`)
  })

  it('with its compose, so that a half-made container is left: it is removed', async () => {
    await publishImage(engine, image('half'), 'v1')
    const stack = await world.addStack('kill-half', slow('half'))
    await stack.compose('up', '-d')
    await publishImage(engine, image('half'), 'v2')
    const host = await hostOf('half')
    const worker = await host.start()
    const id = await accepted(host.path(stack), stack)
    await stepRuns(id, 'up')
    await until('compose to recreate', async () => (await stack.containers()).length === 2)
    for (const pid of composeProcesses(stack.dir)) process.kill(pid, 'SIGKILL')
    await kill(worker)
    await host.start()
    const back = Date.now()
    const job = await ended(id)
    process.stdout.write(`   a job cut off in up ended ${((Date.now() - back) / 1000).toFixed(1)} s after its worker was back\n`)
    expect(job).toMatchObject({ state: 'succeeded', ok: true })
    await untilPage(stack, 'v2')
    expect(await stack.containers()).toHaveLength(1)
  })

  it('in a pull that hangs: the next one ends the compose that it left', async () => {
    const silent = await startSilentServer()
    const stack = await world.addStack('kill-pull', webFile(image('pull')))
    await publishImage(engine, image('pull'), 'v1')
    await stack.compose('up', '-d')
    stack.write('compose.yaml', webFile(`${silent.address}/hangs:latest`)(1))
    const host = await hostOf('pull')
    const worker = await host.start()
    const id = await accepted(host.path(stack), stack)
    await stepRuns(id, 'pull')
    await until('the engine to ask the registry', () => silent.open() > 0)
    await kill(worker)
    const left = composeProcesses(stack.dir)
    expect(left).toHaveLength(1)
    await host.start()
    await until('the second start', async () => (await redis.cli('hget', `deployer:run:${id}`, 'attempt')).trim() === '2')
    await until('what was left to end, and another to begin', () => {
      const now = composeProcesses(stack.dir)
      return now.length === 1 && !now.includes(left[0] ?? 0)
    })
    expect((await client.timed('DELETE', `/jobs/${id}`)).status).toBe(202)
    expect(await ended(id)).toMatchObject({ state: 'canceled' })
    await silent.stop()
  })

  it('and whose stack is removed before another one comes: the job ends, and says so', async () => {
    const silent = await startSilentServer()
    const stack = await world.addStack('kill-gone', webFile(image('gone')))
    await publishImage(engine, image('gone'), 'v1')
    await stack.compose('up', '-d')
    stack.write('compose.yaml', webFile(`${silent.address}/hangs:latest`)(1))
    const host = await hostOf('gone')
    const worker = await host.start()
    const running = await accepted(host.path(stack), stack)
    await stepRuns(running, 'pull')
    const waiting = await accepted(host.path(stack), stack)
    await kill(worker)
    for (const pid of composeProcesses(stack.dir)) process.kill(pid, 'SIGKILL')
    await stack.compose('down', '-t', '0')
    rmSync(stack.dir, { recursive: true })
    await host.start()
    for (const id of [running, waiting]) {
      expect(await ended(id)).toMatchObject({ state: 'failed', code: 'step_failed', message: expect.stringContaining('has been removed') })
    }
    await silent.stop()
  })

  it('three times with the same job: the job ends, rather than kill for ever', async () => {
    const silent = await startSilentServer()
    const stack = await world.addStack('kill-thrice', webFile(`${silent.address}/hangs:latest`))
    await publishImage(engine, image('thrice'), 'v1')
    await engine.docker('pull', '-q', image('thrice'))
    await engine.docker('tag', image('thrice'), `${silent.address}/hangs:latest`)
    await stack.compose('up', '-d')
    const host = await hostOf('thrice')
    let worker = await host.start()
    const id = await accepted(host.path(stack), stack)
    for (let attempt = 1; attempt <= 3; attempt++) {
      await until(`start ${attempt}`, async () => (await redis.cli('hget', `deployer:run:${id}`, 'attempt')).trim() === String(attempt))
      await kill(worker)
      worker = await host.start()
    }
    expect(await ended(id)).toMatchObject({ state: 'failed', code: 'step_failed', message: expect.stringContaining('died 3 times') })
    await engine.docker('rmi', `${silent.address}/hangs:latest`).catch(() => undefined)
    await silent.stop()
  })
})

describe.concurrent('a worker that is frozen', () => {
  it('and wakes up when another has its job: they never run side by side', async () => {
    await publishImage(engine, image('frozen'), 'v1')
    const stack = await world.addStack('frozen', slow('frozen'))
    await stack.compose('up', '-d')
    await publishImage(engine, image('frozen'), 'v2')
    const host = await hostOf('frozen')
    const first = await host.start()
    const id = await accepted(host.path(stack), stack)
    await stepRuns(id, 'up')
    const watch = watchCompose([stack.dir])
    first.process.kill('SIGSTOP')
    await host.start()
    await until('the second start', async () => (await redis.cli('hget', `deployer:run:${id}`, 'attempt')).trim() === '2', 60)
    await delay(1000)
    first.process.kill('SIGCONT')
    const job = await ended(id)
    watch.stop()
    expect(job).toMatchObject({ state: 'succeeded' })
    expect(watch.most()).toBe(1)
    await untilPage(stack, 'v2')
  })
})

describe.concurrent('a step that hangs', () => {
  it('is ended with its whole tree when its time is over', async () => {
    const silent = await startSilentServer()
    const stack = await world.addStack('hangs', webFile(image('hangs')))
    await publishImage(engine, image('hangs'), 'v1')
    await stack.compose('up', '-d')
    stack.write('compose.yaml', webFile(`${silent.address}/hangs:latest`)(1))
    const host = await hostOf('hangs')
    await world.start('worker', { ...host.settings, PULL_TIMEOUT: '2' })
    const job = await ended(await accepted(host.path(stack), stack))
    expect(job).toMatchObject({ state: 'failed', code: 'step_failed' })
    expect(job.steps.at(-1)).toMatchObject({ name: 'pull', ok: false, exit_code: null })
    expect(job.steps.at(-1).tail).toContain('longer than 2 seconds')
    expect(composeProcesses(stack.dir)).toEqual([])
    await silent.stop()
  })

  it('is ended when the job is canceled, and nothing goes on', async () => {
    const silent = await startSilentServer()
    const stack = await world.addStack('canceled', webFile(image('canceled')))
    await publishImage(engine, image('canceled'), 'v1')
    await stack.compose('up', '-d')
    stack.write('compose.yaml', webFile(`${silent.address}/hangs:latest`)(1))
    const host = await hostOf('canceled')
    await world.start('worker', { ...host.settings, WORKER_CONCURRENCY: '1' })
    const id = await accepted(host.path(stack), stack)
    await stepRuns(id, 'pull')
    await until('the engine to ask the registry', () => silent.open() > 0)
    const answer = await client.timed('DELETE', `/jobs/${id}`)
    expect(answer.status).toBe(202)
    expect(await ended(id)).toMatchObject({ state: 'canceled', ok: false, code: 'canceled' })
    expect(composeProcesses(stack.dir)).toEqual([])
    const waiting = await client.plain('POST', `${host.path(stack)}&wait=true&timeout=1`, stack.name)
    expect(waiting.status).toBe(202)
    // The canceled one is not in its way.
    await stepRuns(waiting.body.job_id, 'pull')
    await client.timed('DELETE', `/jobs/${waiting.body.job_id}`)
    await silent.stop()
  })

  it('cannot be canceled any more once up has begun', async () => {
    await publishImage(engine, image('late'), 'v1')
    const stack = await world.addStack('late', slow('late'))
    await stack.compose('up', '-d')
    await publishImage(engine, image('late'), 'v2')
    const host = await hostOf('late')
    await host.start()
    const id = await accepted(host.path(stack), stack)
    await stepRuns(id, 'up')
    await until('compose to recreate', async () => (await stack.containers()).length === 2)
    const answer = await client.timed('DELETE', `/jobs/${id}`)
    expect([answer.status, answer.body.code]).toEqual([409, 'not_cancelable'])
    expect(await ended(id)).toMatchObject({ state: 'succeeded' })
  })
})
