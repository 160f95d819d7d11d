import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { publishImage } from '../../lab/sample-image.ts'
import { startShipped } from '../../lab/shipped.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile, type LabStack } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const shipped = await startShipped(engine, world)
afterAll(() => shipped.close())
const { client } = shipped

/** Healthy where a file names the version that runs: so a test says when a step may go on, and which version is bad. */
const waitsFor = (file: string, retries: number) => `    volumes: ["./gate:/gate:ro"]
    healthcheck: { test: ["CMD", "/bin/busybox", "grep", "-qxFf", "/gate/${file}", "/www/index.html"], interval: 1s, retries: ${retries} }
`

// Health checks cost: a stack goes when its test is over.
const stacks: LabStack[] = []
afterEach(() => Promise.all(stacks.splice(0).map((stack) => stack.compose('down', '-t', '0'))))

/** A stack that runs v1, whose `up` waits for the file `gate/web`, and whose `verify` waits for `gate/last`. */
async function addGated(name: string): Promise<LabStack> {
  const image = imageOf(name)
  await publishImage(engine, image, 'v1')
  const last = `  last:\n    image: ${image}\n    init: true\n    depends_on: { web: { condition: service_healthy } }\n`
  const stack = await world.addStack(name, webFile(image, waitsFor('web', 200) + last + waitsFor('last', 15)))
  stacks.push(stack)
  allow(stack, ['web', 'last'], 'v1')
  await stack.compose('up', '-d', '--wait')
  return stack
}

const imageOf = (name: string) => `${registry}/shipped-${name}:latest`

function allow(stack: LabStack, services: string[], ...versions: string[]): void {
  for (const service of services) stack.write(`gate/${service}`, versions.map((version) => `${version}\n`).join(''))
}

/** Asks for a deploy, without waiting; a stack that has just been made is known within two seconds. */
async function ask({ name }: LabStack): Promise<string> {
  return until('a 202', async () => {
    const answer = await client.plain('POST', `/deploy/${name}`, name)
    return answer.status === 202 ? (answer.body.job_id as string) : null
  })
}

async function end(id: string): Promise<any> {
  return until(
    `the end of ${id}`,
    async () => {
      const { status, body } = await client.plain('GET', `/jobs/${id}`, id)
      if (status === 404) throw new Error(`Redis has forgotten ${id}`)
      return status === 200 && body.ok !== null ? body : null
    },
    90,
  )
}

/** The container of a service, once it runs an image. */
async function running(stack: LabStack, service: string, image: string): Promise<string> {
  const labels = [`label=com.docker.compose.project=${stack.name}`, `label=com.docker.compose.service=${service}`]
  const filters = [...labels, `ancestor=${image}`, 'status=running'].flatMap((filter) => ['--filter', filter])
  return until(`${service} on its new image`, async () => (await engine.docker('ps', '-q', ...filters)).trim(), 60)
}

describe.each(['SIGTERM', 'SIGKILL'] as const)(
  'the Redis of docker-compose.yml, ended by %s and started again',
  { timeout: 240_000 },
  (signal) => {
    const suffix = signal.slice(3).toLowerCase()

    async function restartRedis(): Promise<void> {
      await shipped.stop('redis', signal)
      await shipped.start('redis')
      await until('readiness', async () => (await client.raw('GET', '/ready')).status === 200)
      // Said while loading, of what it leaves out.
      expect((await shipped.compose('logs', '--no-color', 'redis')).includes('NOPERM')).toBe(false)
    }

    it('knows what has ended, and goes on', async () => {
      const stack = await addGated(`idle-${suffix}`)
      const id = await ask(stack)
      const before = await end(id)
      expect(before).toMatchObject({ state: 'succeeded' })
      await restartRedis()
      expect(await end(id)).toEqual(before)
      expect(await end(await ask(stack))).toMatchObject({ state: 'succeeded' })
    })

    it('loses neither the job that is in `up` nor the one that waits behind it', async () => {
      const stack = await addGated(`up-${suffix}`)
      const v2 = await publishImage(engine, imageOf(`up-${suffix}`), 'v2')
      const id = await ask(stack)
      await running(stack, 'web', v2)
      const next = await ask(stack)
      expect(next).not.toBe(id)
      await restartRedis()
      allow(stack, ['web', 'last'], 'v1', 'v2')
      expect(await end(id)).toMatchObject({ state: 'succeeded', changes: [{ service: 'last' }, { service: 'web' }] })
      expect(await end(next)).toMatchObject({ state: 'succeeded', changes: [] })
      await untilPage(stack, 'v2')
    })

    it('loses no job in `verify`, nor what its rollback needs', async () => {
      const stack = await addGated(`verify-${suffix}`)
      const v2 = await publishImage(engine, imageOf(`verify-${suffix}`), 'v2')
      const id = await ask(stack)
      await running(stack, 'web', v2)
      allow(stack, ['web'], 'v1', 'v2')
      await running(stack, 'last', v2)
      const steps = async () => (await client.plain('GET', `/jobs/${id}`, id)).body.steps
      await until('`verify`', async () => (await steps()).some(({ name }: any) => name === 'up'))
      await restartRedis()
      const ended = await end(id)
      expect(ended, JSON.stringify(ended)).toMatchObject({ state: 'failed', code: 'step_failed', rolled_back: true })
      await untilPage(stack, 'v1')
    })
  },
)
