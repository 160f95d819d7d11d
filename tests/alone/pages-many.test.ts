import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { type StackUpdates, updatesKey } from '@deployer/shared/updates'
import { writeEndedJob } from '../../lab/ended-job.ts'
import { digestOf, publishStacks } from '../../lab/publish-stacks.ts'
import { until } from '../../lab/until.ts'
import { useRedis, useWorld } from '../support.ts'

const STACKS = 500
const JOBS_EACH = 10
const TIMES = 15

const world = useWorld()
const redis = await useRedis()
const names = Array.from({ length: STACKS }, (_, index) => `application-${String(index).padStart(3, '0')}`)
const services = Object.fromEntries(
  ['web', 'worker', 'db'].map((service) => [service, { image: `registry.lan/team/${service}:1.2.3`, digest: digestOf('a') }]),
)
const releases = [3, 2, 1].map((number) => {
  return { number, at: '2026-01-01T12:00:00.000Z', job_id: null, by: 'ci', current: number === 3, verified: true, services }
})
await publishStacks(redis.url, 'nas', names, Object.fromEntries(names.map((name) => [name, releases])))
const connection = new Redis(redis.url)
const tail = 'what the step said, line after line\n'.repeat(60)
for (const [at, stack] of names.entries()) {
  const steps = connection.pipeline()
  for (let job = 0; job < JOBS_EACH; job++) {
    const failed = job === 0 && at % 25 === 0
    const end = failed ? ({ state: 'failed', code: 'step_failed', message: 'The step "up" failed.' } as const) : {}
    const said = (['status', 'config', 'pull', 'up', 'verify'] as const).map((name) => ({
      name,
      ok: true,
      exit_code: 0,
      duration_ms: 9,
      tail,
    }))
    const data = { stack, host: 'nas', action: 'deploy', source: 'request', caller: 'ci' } as const
    writeEndedJob(steps, at * JOBS_EACH + job, data, { finished: Date.now() - 60_000 - job * 7_200_000, steps: said, ...end })
  }
  if (at % 10 === 0) {
    const update = {
      service: 'web',
      image: 'registry.lan/team/web:1.2.3',
      running: digestOf('a'),
      available: digestOf('b'),
      first_seen: null,
      eligible_at: null,
    }
    const found: StackUpdates = { checked_at: '2026-01-01T12:00:00.000Z', updates: [{ ...update, state: 'pending' }] }
    steps.hset(updatesKey('nas'), stack, JSON.stringify(found))
  }
  await steps.exec()
}
connection.disconnect()
const { client } = await world.start('api', { REDIS_URL: redis.url, DASHBOARD_PASSWORD: 'a-password' })
await until('the stacks', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks.length === STACKS)
const login = { Authorization: `Basic ${Buffer.from('admin:a-password').toString('base64')}` }

/** Milliseconds until the answer has begun. */
async function firstByte(path: string, headers: Record<string, string>): Promise<number> {
  const started = performance.now()
  const response = await fetch(client.url + path, { headers })
  const taken = performance.now() - started
  await response.text()
  return taken
}

const median = (list: number[]) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN

it(`shows ${STACKS} stacks with ${STACKS * JOBS_EACH} jobs in a page that is small and soon there`, async () => {
  const { text, status } = await client.raw('GET', '/ui', login)
  expect(status).toBe(200)
  expect(text).toContain(`1–100 of ${STACKS}`)
  expect(text).toMatch(/Failed since yesterday <span class="number">20</)
  expect(text).toMatch(/Waiting for an update <span class="number">50</)
  expect(Buffer.byteLength(text)).toBeLessThan(300_000)
  const last = await client.raw('GET', `/ui?from=${STACKS - 100}`, login)
  expect(last.text).toContain(`${STACKS - 99}–${STACKS} of ${STACKS}`)
  const signed = { 'X-Signature': '' }
  const page: number[] = []
  const list: number[] = []
  for (let time = 0; time < TIMES; time++) {
    page.push(await firstByte('/ui', login))
    const started = performance.now()
    await client.plain('GET', '/stacks', 'stacks', undefined, signed)
    list.push(performance.now() - started)
  }
  const [ofPage, ofList] = [median(page), median(list)]
  process.stdout.write(
    `   ${STACKS} stacks: ${Math.round(Buffer.byteLength(text) / 1000)} KB, first byte in ${ofPage.toFixed(0)} ms; as JSON in ${ofList.toFixed(0)} ms\n`,
  )
  // That list asks Redis for the jobs of each stack. The best of each, since others may be busy on this machine.
  expect(Math.min(...page) / Math.min(...list)).toBeLessThan(1)
})
