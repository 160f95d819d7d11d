import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { startFront, type Front, type Seen } from '../../lab/front.ts'
import { runAction } from '../../lab/run-action.ts'
import { runDeployer } from '../../lab/run-deployer.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { spyPrograms } from '../../lab/spy-programs.ts'
import { webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const image = `${registry}/bad-day:latest`
await publishImage(engine, image, 'v1')
const stack = await world.addStack('bad-day', webFile(image))
const { client } = await world.start('all')

beforeAll(async () => {
  await stack.compose('up', '-d')
  await deployAndWait(client, stack.name)
})

let front: Front
afterEach(() => front.stop())
const isStart = ({ method }: Seen) => method === 'POST'
/** Runs the action through a front that answers the first so many requests of a kind itself. */
async function through(
  which: (request: Seen) => boolean,
  answers: { status: number; headers?: Record<string, string> }[],
  inputs: Record<string, string> = {},
  env: Record<string, string> = {},
) {
  const left = [...answers]
  front = await startFront(client.url, (request) => (which(request) ? (left.shift() ?? null) : null))
  return runAction({ URL: front.url, SECRET: world.secret, STACK: stack.name, ...inputs }, env)
}

describe('the action on a bad day', () => {
  it.each(['poll', 'wait'])('asks again after a 502 of the start, under the same idempotency key (%s)', async (wait) => {
    const { code, log, outputs } = await through(isStart, [{ status: 502 }, { status: 503 }], { WAIT: wait })
    expect(code, log).toBe(0)
    expect(outputs).toMatchObject({ ok: 'true' })
    const starts = front.seen.filter(isStart)
    expect(starts).toHaveLength(3)
    expect(new Set(starts.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
    expect(starts[0]?.headers['idempotency-key']).toBeTruthy()
  })

  it('goes on following after a 502 of a poll', async () => {
    const { code, log, outputs } = await through((request) => !isStart(request), [{ status: 502 }, { status: 504 }])
    expect(code, log).toBe(0)
    expect(outputs).toMatchObject({ ok: 'true', state: 'succeeded' })
  })

  it('waits as long as it is told to', async () => {
    const { code, log } = await through(isStart, [{ status: 429, headers: { 'Retry-After': '4' } }])
    expect(code, log).toBe(0)
    expect(log).toContain('trying again in 4 s')
  })

  it('does not wait beyond its time, whatever it is told', async () => {
    const told = Array.from({ length: 50 }, () => ({ status: 429, headers: { 'Retry-After': '9' } }))
    const { code, log } = await through(isStart, told, { TIMEOUT: '5' })
    expect([code, log]).toEqual([4, expect.not.stringContaining('trying again')])
    expect(front.seen).toHaveLength(1)
  })

  it.each(['wait', 'none'])('names the host that it is for (%s)', async (wait) => {
    const host = world.settings['WORKER_NAME'] ?? ''
    const { code, log } = await through(isStart, [], { HOST: host, WAIT: wait })
    expect(code, log).toBe(0)
    expect(new URL(front.seen[0]?.path ?? '', front.url).searchParams.get('host')).toBe(host)
    await front.stop()
    const nowhere = await through(isStart, [], { HOST: 'nowhere', WAIT: wait })
    expect([nowhere.code, nowhere.log]).toEqual([3, expect.stringContaining('no host "nowhere"')])
  })

  it('says which job it is also where no poll is answered', async () => {
    const { code, log, outputs } = await through(
      (request) => !isStart(request),
      Array.from({ length: 50 }, () => ({ status: 502 })),
      { TIMEOUT: '4' },
    )
    expect([code, log]).toEqual([5, expect.stringContaining('it goes on')])
    expect(outputs['job-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(outputs).toMatchObject({ ok: 'null' })
  })

  it.each([
    [400, 2],
    [403, 3],
    [413, 3],
    [429, 4],
    [500, 4],
  ])('ends at %i as the command line does: with %i', async (status, expected) => {
    const { code } = await through(
      isStart,
      Array.from({ length: 50 }, () => ({ status })),
      { TIMEOUT: '2' },
    )
    expect(code).toBe(expected)
  })

  it('says which images it expects', async () => {
    const digest = `sha256:${'a'.repeat(64)}`
    await through(isStart, [], { EXPECT: `web=${digest}\n\n db=${digest}`, WAIT: 'none' })
    expect(JSON.parse(front.seen[0]?.body ?? '').expect).toEqual({ web: digest, db: digest })
    await front.stop()
    const odd = await through(isStart, [], { EXPECT: 'web:latest' })
    expect([odd.code, odd.log]).toEqual([2, expect.stringContaining('expect')])
  })

  it('shows no secret to whoever lists processes, and masks each line of one', async () => {
    const spies = spyPrograms(join(world.root, '.spies'))
    const run = await through(isStart, [], { WAIT: 'none' }, { PATH: spies.path })
    expect(run.code, run.log).toBe(0)
    expect(spies.args()).toMatch(/^curl\n[^]*^--connect-timeout\n/m)
    expect(spies.env()).toContain('INPUT_STACK=')
    expect(spies.args() + spies.env()).not.toContain(world.secret)
    await front.stop()
    const lines = await through(isStart, [], { SECRET: 'first line of it\n\nsecond line of it' })
    expect(lines.code).toBe(3)
    for (const line of ['first line of it', 'second line of it']) expect(lines.log).toContain(`::add-mask::${line}\n`)
  })

  it.each([
    ['a secret of 100 characters, which is hashed first', 'x'.repeat(100)],
    ['an odd one', '%d\\x41 é"$` and some more'],
  ])('signs with %s', async (_, secret) => {
    const api = await world.start('api', { DEPLOY_SECRET: secret, REDIS_URL: 'redis://127.0.0.1:1' })
    front = await startFront(api.client.url, () => null)
    const { code, log } = await runAction({ URL: front.url, SECRET: secret, STACK: stack.name, TIMEOUT: '1' })
    // It is let in, and told that there is no Redis.
    expect([code, log]).toEqual([4, expect.stringContaining('queue_unavailable')])
  })
})

describe('deployer on a bad day', () => {
  it('waits as long as it is told to, and starts one job', async () => {
    const left = [
      { status: 429, headers: { 'Retry-After': '1' } },
      { status: 503, headers: { 'Retry-After': '1' } },
    ]
    front = await startFront(client.url, (request) => (isStart(request) ? (left.shift() ?? null) : null))
    const { code, stdout, stderr } = await runDeployer(['deploy', stack.name, '--detach'], {
      DEPLOYER_URL: front.url,
      DEPLOY_SECRET: world.secret,
    })
    expect(code, stdout + stderr).toBe(0)
    const starts = front.seen.filter(isStart)
    expect(starts).toHaveLength(3)
    expect(new Set(starts.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
    expect(new Set(starts.map(({ headers }) => headers['x-signature'])).size).toBe(3)
  })
})
