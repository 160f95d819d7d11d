import { beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../lab/client.ts'
import { buildDeployerImage, DEPLOYER_IMAGE } from '../../lab/deployer-image.ts'
import { copyImages, type Engine } from '../../lab/engine.ts'
import { freePort } from '../../lab/free-port.ts'
import { startOwnEngine } from '../../lab/own-engine.ts'
import { until } from '../../lab/until.ts'
import { createWorld, type World } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()

beforeAll(() => buildDeployerImage(engine), 400_000)

/** Makes another image out of Deployer's own, pushes it, and leaves the local name as it was. */
async function publish(image: string, ...changes: string[]): Promise<string> {
  const container = (await engine.docker('create', DEPLOYER_IMAGE)).trim()
  const former = (await engine.docker('image', 'inspect', '--format', '{{.Id}}', image).catch(() => '')).trim()
  const id = (await engine.docker('commit', ...changes.flatMap((change) => ['-c', change]), container, image)).trim()
  await engine.docker('rm', container)
  await engine.docker('push', '-q', image)
  if (former) await engine.docker('tag', former, image)
  return id
}

/** A stack of Redis, API and worker, that runs, and its callers' view of it. */
async function startSelf(on: Engine, { root, secret, addStack }: World, name: string, image: string) {
  const port = await freePort()
  const socket = on.dockerHost.replace('unix://', '')
  const common = `    image: ${image}\n    depends_on: [redis]\n    restart: always\n`
  const stack = await addStack(
    name,
    () => `services:
  redis:
    image: redis:7
    pull_policy: never
    restart: always
    command: ["redis-server", "--appendonly", "yes", "--appendfsync", "always", "--protected-mode", "no"]
    volumes: ["redis:/data"]
    labels: { release: "\${RELEASE:-1}" }
  api:
${common}    command: [api]
    ports: ["127.0.0.1:${port}:8080"]
    environment: { REDIS_URL: "redis://redis:6379", DEPLOY_SECRET: "${secret}", RATE_LIMIT_PER_MIN: "0" }
  worker:
${common}    command: [worker]
    environment: { REDIS_URL: "redis://redis:6379", STACKS_ROOT: "${root}", WORKER_NAME: self, STEADY_TIME: "1" }
    volumes: ["${socket}:/var/run/docker.sock", "${root}:${root}", "data:/data"]
volumes: { redis: {}, data: {} }
`,
  )
  await stack.compose('up', '-d')
  const client = createClient(`http://127.0.0.1:${port}`, secret)
  return {
    stack,
    accept: () =>
      until('a 202', async () => {
        const answer = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
        return answer.status === 202 ? (answer.body.job_id as string) : null
      }),
    /** Polls as a caller does who does not know that the API goes away meanwhile. */
    end: (id: string) =>
      until(
        'the end of the job',
        async () => {
          const { status, body } = await client.plain('GET', `/jobs/${id}`, id)
          return status === 200 && body.ok !== null ? body : null
        },
        110,
      ),
    imageOf: async (service: string) => {
      const container = (await stack.compose('ps', '-q', service)).trim()
      return (await on.docker('inspect', '--format', '{{.Image}}', container)).trim()
    },
    helpers: async () => (await on.docker('ps', '-aq', '--filter', `label=deployer.stack=${stack.name}`)).trim(),
  }
}

describe('a stack that contains Deployer itself', () => {
  it('is deployed to its end across the restart of worker, API and Redis, and a version that does not start is rolled back', async () => {
    const image = `${registry}/deployer:latest`
    const first = await publish(image, 'LABEL version=1')
    const { stack, accept, end, imageOf, helpers } = await startSelf(engine, world, 'self', image)

    // Redis is recreated as well: its label follows the release.
    const second = await publish(image, 'LABEL version=2')
    stack.write('.env', 'RELEASE=2\n')
    const redisBefore = (await stack.compose('ps', '-q', 'redis')).trim()
    const good = await end(await accept())
    expect(good, JSON.stringify(good)).toMatchObject({ state: 'succeeded', ok: true, rolled_back: false, host: 'self' })
    expect(good.changes).toMatchObject([
      { service: 'api', image, why: 'image', from: first, to: second },
      { service: 'redis', why: 'definition' },
      { service: 'worker', image, why: 'image', from: first, to: second },
    ])
    expect(good.steps.map((step: any) => [step.name, step.ok])).toEqual([
      ['status', true],
      ['config', true],
      ['pull', true],
      ['up', true],
      ['verify', true],
    ])
    expect([await imageOf('api'), await imageOf('worker')]).toEqual([second, second])
    expect((await stack.compose('ps', '-q', 'redis')).trim()).not.toBe(redisBefore)

    await publish(image, 'LABEL version=3', 'ENTRYPOINT ["node", "-e", "console.log(42); process.exit(3)"]')
    const bad = await end(await accept())
    expect(bad, JSON.stringify(bad)).toMatchObject({ state: 'failed', ok: false, code: 'step_failed', rolled_back: true, changes: [] })
    expect([await imageOf('api'), await imageOf('worker')]).toEqual([second, second])
    await until('the helpers to be gone', async () => (await helpers()) === '')
  }, 300_000)

  it('is deployed to its end although somebody removes the helper while the new worker is only made', async () => {
    const image = `${registry}/deployer-removed:latest`
    await publish(image, 'LABEL version=1')
    const { stack, accept, end, imageOf, helpers } = await startSelf(engine, world, 'removed', image)
    const second = await publish(image, 'LABEL version=2')
    const id = await accept()
    await until('the new worker to be made', () =>
      engine.docker(
        'ps',
        '-aq',
        '--filter',
        'status=created',
        '--filter',
        `label=com.docker.compose.project=${stack.name}`,
        '--filter',
        'label=com.docker.compose.service=worker',
      ),
    )
    await engine.docker('rm', '-f', `deployer-helper-${id}`)
    const good = await end(id)
    expect(good, JSON.stringify(good)).toMatchObject({ state: 'succeeded' })
    expect([await imageOf('api'), await imageOf('worker')]).toEqual([second, second])
    await until('the helpers to be gone', async () => (await helpers()) === '')
  }, 300_000)

  it('is deployed to its end although the engine is started again under the helper that does it', async () => {
    const image = `${registry}/deployer-restarted:latest`
    await publish(image, 'LABEL version=1')
    const own = await startOwnEngine({ liveRestore: false })
    const ownWorld = createWorld(own)
    try {
      await copyImages(engine, own, ['redis:7'])
      const { accept, end, imageOf, helpers } = await startSelf(own, ownWorld, 'restarted', image)
      const second = await publish(image, 'LABEL version=2')
      const id = await accept()
      await until('the helper', helpers)
      await own.restart('SIGTERM', 500)
      const good = await end(id)
      expect(good, JSON.stringify(good)).toMatchObject({ state: 'succeeded' })
      expect([await imageOf('api'), await imageOf('worker')]).toEqual([second, second])
      await until('the helper to be gone', async () => (await helpers()) === '')
    } finally {
      await ownWorld.close()
      await own.stop()
    }
  }, 300_000)
})
