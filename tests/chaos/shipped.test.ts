import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { createRandom } from '../../lab/random.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startShipped, type Part } from '../../lab/shipped.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 100_000)
const rounds = Number(process.env['CHAOS_ROUNDS'] ?? 4)
const world = useWorld()
const shipped = await startShipped(engine, world, { STEADY_TIME: '1', MIN_FREE_DISK: '0' })
afterAll(() => shipped.close())
const { client } = shipped
const image = `${registry}/chaos-shipped:latest`
const health = `    healthcheck: { test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"], interval: 1s, retries: 3 }\n`

it(`docker-compose.yml as it is loses nothing when its containers are ended or frozen (seed ${seed})`, { timeout: 900_000 }, async () => {
  const random = createRandom(seed)
  await publishImage(engine, image, 'v0')
  const stack = await world.addStack('chaos', webFile(image, health))
  await stack.compose('up', '-d', '--wait')
  let serving = 'v0'
  for (let round = 1; round <= rounds; round++) {
    const isGood = random.chance(0.6)
    const version = `v${round}`
    await publishImage(engine, image, version, isGood ? 'serve' : 'crash')
    const id = await until('a 202', async () => {
      const answer = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
      return answer.status === 202 ? (answer.body.job_id as string) : null
    })
    await delay(random.below(4000))
    const part = random.pick<Part>(['redis', 'api', 'worker', 'worker'])
    const fault = random.pick(['SIGTERM', 'SIGKILL', 'freeze'] as const)
    process.stdout.write(`   round ${round}/${rounds}: ${isGood ? 'good' : 'bad'} ${version}, ${fault} ${part}\n`)
    if (fault === 'freeze') {
      await shipped.freeze(part)
      await delay(1000 + random.below(8000))
      await shipped.thaw(part)
    } else {
      await shipped.stop(part, fault)
      await delay(random.below(2000))
      await shipped.start(part)
    }
    const job = await until(
      `the end of ${id}`,
      async () => {
        const { status, body } = await client.plain('GET', `/jobs/${id}`, id)
        if (status === 404) throw new Error(`${id} is forgotten`)
        return status === 200 && body.ok !== null ? body : null
      },
      150,
    )
    const told = `seed ${seed}, round ${round}: ${JSON.stringify(job)}`
    if (isGood) serving = version
    expect(job, told).toMatchObject(isGood ? { state: 'succeeded' } : { state: 'failed', code: 'step_failed', rolled_back: true })
    await untilPage(stack, serving)
    expect(await stack.containers(), told).toHaveLength(1)
  }
})
