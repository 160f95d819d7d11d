import { beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../lab/client.ts'
import { buildDeployerImage, DEPLOYER_IMAGE } from '../../lab/deployer-image.ts'
import { freePort } from '../../lab/free-port.ts'
import { until } from '../../lab/until.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const image = `${registry}/deployer:latest`
const socket = engine.dockerHost.replace('unix://', '')

beforeAll(() => buildDeployerImage(engine), 400_000)

/** Makes another image out of Deployer's own, pushes it, and leaves the local name as it was. */
async function publish(...changes: string[]): Promise<string> {
  const container = (await engine.docker('create', DEPLOYER_IMAGE)).trim()
  const former = (await engine.docker('image', 'inspect', '--format', '{{.Id}}', image).catch(() => '')).trim()
  const id = (await engine.docker('commit', ...changes.flatMap((change) => ['-c', change]), container, image)).trim()
  await engine.docker('rm', container)
  await engine.docker('push', '-q', image)
  if (former) await engine.docker('tag', former, image)
  return id
}

describe('a stack that contains Deployer itself', () => {
  it('is deployed to its end across the restart of worker, API and Redis, and a version that does not start is rolled back', async () => {
    const first = await publish('LABEL version=1')
    const port = await freePort()
    const common = `    image: ${image}\n    depends_on: [redis]\n`
    const stack = await world.addStack(
      'self',
      () => `services:
  redis:
    image: redis:7
    pull_policy: never
    command: ["redis-server", "--appendonly", "yes", "--appendfsync", "always", "--protected-mode", "no"]
    volumes: ["redis:/data"]
    labels: { release: "\${RELEASE:-1}" }
  api:
${common}    command: [api]
    ports: ["127.0.0.1:${port}:8080"]
    environment: { REDIS_URL: "redis://redis:6379", DEPLOY_SECRET: "${world.secret}", RATE_LIMIT_PER_MIN: "0" }
  worker:
${common}    command: [worker]
    environment: { REDIS_URL: "redis://redis:6379", STACKS_ROOT: "${world.root}", WORKER_NAME: self, STEADY_TIME: "1" }
    volumes: ["${socket}:/var/run/docker.sock", "${world.root}:${world.root}", "data:/data"]
volumes: { redis: {}, data: {} }
`,
    )
    await stack.compose('up', '-d')
    const client = createClient(`http://127.0.0.1:${port}`, world.secret)
    const accept = () =>
      until('a 202', async () => {
        const answer = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
        return answer.status === 202 ? (answer.body.job_id as string) : null
      })
    /** Polls as a caller does who does not know that the API goes away meanwhile. */
    const end = (id: string) =>
      until(
        'the end of the job',
        async () => {
          const { status, body } = await client.plain('GET', `/jobs/${id}`, id)
          return status === 200 && body.ok !== null ? body : null
        },
        110,
      )
    const imageOf = async (service: string) => {
      const id = (await stack.compose('ps', '-q', service)).trim()
      return (await engine.docker('inspect', '--format', '{{.Image}}', id)).trim()
    }

    // Redis is recreated as well: its label follows the release.
    const second = await publish('LABEL version=2')
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

    await publish('LABEL version=3', 'ENTRYPOINT ["node", "-e", "console.log(42); process.exit(3)"]')
    const bad = await end(await accept())
    expect(bad, JSON.stringify(bad)).toMatchObject({ state: 'failed', ok: false, code: 'step_failed', rolled_back: true, changes: [] })
    expect([await imageOf('api'), await imageOf('worker')]).toEqual([second, second])
    const helpers = await engine.docker('ps', '-aq', '--filter', `label=deployer.stack=${stack.name}`)
    expect(helpers.trim()).toBe('')
  }, 300_000)
})
